# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The script that prints our figures beside published ones, on a made-up street."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from documented_commands import ROOT

from vpr_ros import models

sys.path.insert(0, str(Path(__file__).parent / 'evaluation'))

from dataset_sample import street

SCRIPT = ROOT / 'scripts' / 'reproduce.py'


def reproduce(folder, *words):
    return subprocess.run(
        [sys.executable, SCRIPT, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {'VPR_WEIGHTS': str(folder / 'w'), 'XDG_CACHE_HOME': str(folder / 'c')},
    )


def test_our_figures_are_printed_beside_the_published_and_what_is_missing_is_named(tmp_path):
    street(tmp_path / 'town', 12, 16, gap=30.0)
    tables = tmp_path / 'tables.yaml'
    rows = [
        {'model': 'hog', 'dataset': 'town', 'recall': [75, 75.0, 80.0]},
        {'model': 'hog', 'dataset': 'nowhere', 'recall': [50.0]},
    ]
    tables.write_text(yaml.safe_dump({'mine': rows}))
    run = reproduce(tmp_path, 'mine', '--data', tmp_path, '--tables', tables)

    assert '| hog | town | 75.0 / 75.0 / 75.0 | 75.0 / 75.0 / 80.0 |' in run.stdout
    assert 'there is no' in run.stdout.splitlines()[-1]
    assert run.returncode == 1


def test_other_folders_and_what_the_linter_finds_are_told(tmp_path):
    street(tmp_path / 'svox', 6, 6, gap=30.0)
    base = tmp_path / 'svox' / 'images' / 'test'
    (base / 'database').rename(base / 'gallery')
    first, *_ = sorted((base / 'queries').iterdir())
    (base / 'gallery' / first.name).write_bytes(first.read_bytes())
    tables = tmp_path / 'tables.yaml'
    row = {'model': 'hog', 'dataset': 'svox', 'options': ['--database', 'gallery'], 'recall': [9]}
    tables.write_text(yaml.safe_dump({'mine': [row]}))
    run = reproduce(tmp_path, 'mine', '--data', tmp_path, '--tables', tables)
    assert run.returncode == 0
    last = run.stdout.splitlines()[-1]
    assert last.startswith('| hog --database gallery | svox | ')
    assert 'the linter finds errors in the data' in last


def test_unknown_table_is_refused_with_those_there_are(tmp_path):
    run = reproduce(tmp_path, 'theirs')
    assert run.returncode == 2
    assert 'the tables are d2vpr, d2vpr-encoder, d2vpr-others, selavprpp' in run.stderr


@pytest.mark.parametrize('row', [
    row for table in yaml.safe_load((ROOT / 'config' / 'published.yaml').read_text()).values()
    for row in table
], ids=lambda row: f"{row['model']} {row['dataset']}")  # fmt: skip
def test_published_rows_name_models_there_are(row):
    assert row['model'] in models.names()
    assert row['recall'] == sorted(row['recall'])
    assert 0 < row['recall'][0] < 100
