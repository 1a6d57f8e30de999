# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import hostile
import pytest

WRITES = Path(__file__).with_name('crash_harness.py')
MERGES = Path(__file__).with_name('merge_crash_harness.py')


def kill_writers(harness, folder, kills, seed):
    result = subprocess.run(
        [sys.executable, harness, folder, str(kills), str(seed)],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, 'OMP_NUM_THREADS': '1', 'OPENBLAS_NUM_THREADS': '1'},
    )
    assert result.returncode == 0, result.stderr[-3000:]
    hostile.tried(kills)
    hostile.survived(kills)


def test_killed_writer_leaves_every_committed_place_and_no_half_one(tmp_path):
    kill_writers(WRITES, tmp_path, kills=15, seed=1)


@pytest.mark.slow
@pytest.mark.hostile
@pytest.mark.timeout(600)
@pytest.mark.parametrize('seed', range(4))
def test_killed_writers_leave_every_committed_place_and_no_half_one(tmp_path, seed):
    kill_writers(WRITES, tmp_path, kills=100, seed=100 + seed)


def test_killed_merge_or_compaction_leaves_all_or_nothing(tmp_path):
    kill_writers(MERGES, tmp_path, kills=12, seed=1)


@pytest.mark.slow
@pytest.mark.hostile
@pytest.mark.timeout(600)
@pytest.mark.parametrize('seed', range(2))
def test_killed_merges_and_compactions_leave_all_or_nothing(tmp_path, seed):
    kill_writers(MERGES, tmp_path, kills=120, seed=200 + seed)
