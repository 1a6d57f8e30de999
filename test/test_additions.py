# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the architecture page says one touches for a status and for a parameter is all of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def copy(tmp_path):
    """A copy of the sources that may be changed."""
    for folder in ('vpr_ros', 'msg', 'srv', 'config', 'docs/reference', 'scripts'):
        shutil.copytree(
            ROOT / folder,
            tmp_path / folder,
            ignore=shutil.ignore_patterns('__pycache__', '*.safetensors'),
        )
    (tmp_path / 'test').mkdir()
    shutil.copy(ROOT / 'test' / 'test_messages.py', tmp_path / 'test')
    return tmp_path


def put_before(path, line, new):
    """Insert text before the only line that begins with a given text."""
    lines = path.read_text('utf-8').splitlines(keepends=True)
    (at,) = (i for i, text in enumerate(lines) if text.startswith(line))
    path.write_text(''.join([*lines[:at], new, *lines[at:]]), 'utf-8')


def python(copy, *words):
    paths = [str(copy), os.environ.get('PYTHONPATH', '')]
    environment = os.environ | {'PYTHONPATH': os.pathsep.join(paths)}
    return subprocess.run(
        [sys.executable, *words],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_status_is_added_in_two_files(copy):
    comparison = 'test/test_messages.py::test_statuses_are_those_of_the_message'
    check = ('-m', 'pytest', '-q', '-p', 'no:cacheprovider', '--rootdir', str(copy), comparison)
    put_before(
        copy / 'vpr_ros/localize/decision.py',
        '    ACCEPTED = 0',
        "    BLINDFOLDED = 77, 'the lens is covered'\n",
    )
    refused = python(copy, *check)
    assert refused.returncode == 1
    assert 'BLINDFOLDED' in refused.stdout
    put_before(copy / 'msg/PlaceCandidateArray.msg', 'uint8 ACCEPTED=0', 'uint8 BLINDFOLDED=77\n')
    accepted = python(copy, *check)
    assert accepted.returncode == 0, accepted.stdout
    program = (
        'from vpr_ros.localize import Decision, Status;'
        "print(Decision(Status.BLINDFOLDED, 'dark').status.meaning)"
    )
    assert python(copy, '-c', program).stdout == 'the lens is covered\n'


def test_a_parameter_is_added_in_one_file_and_generated_into_the_others(copy):
    generate = 'scripts/generate.py'
    put_before(
        copy / 'vpr_ros/nodes/parameters.py',
        '    position_sigma: float',
        "    patience: float = parameter(2.5, 'Time to wait.', 's', minimum=0.0)\n",
    )
    assert python(copy, generate, '--check').returncode == 1
    written = python(copy, generate)
    assert written.returncode == 0, written.stderr
    assert 'patience: 2.5' in (copy / 'config/place_recognition_node.yaml').read_text('utf-8')
    assert '| `patience` |' in (copy / 'docs/reference/parameters.md').read_text('utf-8')
    program = 'from vpr_ros.nodes.parameters import NODES;'
    program += "print(NODES['place_recognition_node']().patience)"
    assert python(copy, '-c', program).stdout == '2.5\n'
