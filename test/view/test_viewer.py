# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The viewer is started on a recording, of this machine alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip('rerun', reason='rerun-sdk, the extra [view], is not installed')

from vpr_ros.errors import VprError
from vpr_ros.view import viewer


@pytest.fixture
def started(monkeypatch):
    """Answer the start of a program with the status that the test puts there."""
    calls, status = [], [0]

    def run(command, **_):
        calls.append(command)
        return subprocess.CompletedProcess(command, status[0])

    monkeypatch.setattr(viewer.subprocess, 'run', run)
    return calls, status


def test_viewer_is_that_of_the_package_and_listens_to_this_machine_alone(started):
    calls, _ = started
    viewer.open_viewer(Path('a.rrd'))
    assert calls == [[sys.executable, '-m', 'rerun', '--new', '--bind', '127.0.0.1', 'a.rrd']]


def test_failing_viewer_is_told(started):
    started[1][0] = 3
    with pytest.raises(VprError, match='ended with status 3'):
        viewer.open_viewer(Path('a.rrd'))


def test_program_knows_the_options(tmp_path):
    # The version alone needs no display.
    options = ['--new', '--bind', '127.0.0.1', '--version']
    told = subprocess.run(
        [sys.executable, '-m', 'rerun', *options], capture_output=True, text=True, check=True
    )
    assert 'rerun' in told.stdout


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='displays are of Linux')
def test_missing_display_is_told(monkeypatch):
    for name in ('DISPLAY', 'WAYLAND_DISPLAY', 'WAYLAND_SOCKET'):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(VprError, match='no display'):
        viewer.require_display()
    monkeypatch.setenv('DISPLAY', ':0')
    viewer.require_display()
