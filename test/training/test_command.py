# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import pytest
import yaml

from vpr_ros.cli.main import main


def _run(*words):
    """Return the exit code."""
    try:
        return main([str(word) for word in words])
    except SystemExit as end:
        return end.code


def test_settings_and_weights_of_the_command_line_replace_those_of_the_recipe(
    write_recipe, tmp_path, capsys
):
    path, first, second = write_recipe('finetune'), tmp_path / 'first', tmp_path / 'second'
    assert _run('train', 'finetune', path, '-o', first, '--set', 'run.steps=1') == 0
    said = capsys.readouterr()
    assert str(first / 'weights.safetensors') in said.out
    assert 'step 1/1' in said.err
    start = first / 'weights.safetensors'
    assert _run('train', 'finetune', path, '-o', second, '--weights', start) == 0
    run = json.loads((second / 'run.json').read_text('utf-8'))
    assert run['steps'] == 3
    assert run['recipe']['model']['weights'] == str(start)


@pytest.mark.parametrize(
    ('words', 'said'),
    [
        (('distill',), 'vpr train hash'),
        (('hash', '--set', 'run.stepz=1'), 'unknown key run.stepz'),
        (('hash', '--weights', 'nowhere.safetensors'), 'there is no weights file'),
        (('hash', '--set', 'data.sources.0.folder=nowhere'), 'there is no folder nowhere'),
        (('hash', '--set', 'augmentation.snow=1'), 'snow'),
    ],
)
def test_mistakes_are_one_line_and_exit_status_1(words, said, write_recipe, tmp_path, capsys):
    kind, *rest = words
    path = write_recipe('hash')
    assert _run('train', kind, path, '-o', tmp_path / 'run', *rest) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert said in line


def test_components_are_fitted_by_a_command(photographs, tmp_path, capsys):
    recipe = {
        'recipe': 'pca',
        'model': 'd2vpr-pico',
        'source': {'kind': 'photos', 'folder': str(photographs)},
    }
    (tmp_path / 'pca.yaml').write_text(yaml.safe_dump(recipe))
    out = tmp_path / 'pca.safetensors'
    assert _run('train', 'pca', tmp_path / 'pca.yaml', '-o', out, '--set', 'dim=8') == 0
    assert '512 to 8 values' in capsys.readouterr().out
    assert out.is_file()
