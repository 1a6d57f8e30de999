# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import hostile
import pytest
from killed_writer import place, stamps_of, write

from vpr_ros.maps import MapWriter, verify

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


def killed_where_a_file_reaches(size, path, stamps):
    """Add places in a process that the system kills within a write; tell whether it did."""
    child = os.fork()
    if child == 0:
        try:
            with MapWriter.open(path) as place_map:
                place_map.add([place(50)])
                signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
                resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
                resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
                place_map.add([place(stamp) for stamp in stamps])
                os._exit(0)
        finally:
            os._exit(3)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def test_writer_killed_within_a_write_leaves_every_committed_place_and_no_half_one(tmp_path):
    """At each stage of a write, which kills at random moments hardly ever meet."""
    batch = range(100, 160)
    found = []
    for size in range(9_000, 32_000, 1_100):
        path = write(tmp_path / f'{size}.vprmap', 3)
        killed = killed_where_a_file_reaches(size, path, batch)
        assert verify(path) == []
        assert stamps_of(path) == [0, 1, 2, 50] + list(batch) * (not killed)
        found.append(killed)
        hostile.tried()
    assert found.count(True) > 10
    assert not found[-1]
    hostile.survived(found.count(True))
