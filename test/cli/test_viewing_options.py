# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where recordings for the viewer may not be written, and what is said without the viewer."""

from __future__ import annotations

import os
import sys

import pytest
from commands import run

COMMANDS = {
    'view': ('view', 'a.vprmap'),
    'query': ('query', 'a.vprmap', 'a.jpg'),
    'bag': ('evaluate', 'bag', 'a.vprmap', 'bag'),
    'loops': ('evaluate', 'loops', 'bag'),
    'stress': ('evaluate', 'stress', 'a.vprmap', 'bag'),
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize('command', COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize(
    ('path', 'told'),
    [
        ('a.mcap', 'must end in .rrd'),
        ('folder.rrd', 'it is a folder'),
        ('gone/a.rrd', 'there is no folder'),
        ('bag.rrd', 'exists, and is no recording of Rerun: name another file'),
    ],
)
def test_file_that_cannot_become_a_recording_is_refused_at_once(
    command, path, told, tmp_path, capsys
):
    (tmp_path / 'folder.rrd').mkdir()
    (tmp_path / 'bag.rrd').write_bytes(b'SQLite format 3')
    assert run(*command, '--rerun', path) == 2
    assert told in capsys.readouterr().err
    assert (tmp_path / 'bag.rrd').read_bytes() == b'SQLite format 3'


def test_folder_that_may_not_be_written_is_told_at_once(monkeypatch, capsys):
    monkeypatch.setattr(os, 'access', lambda _path, mode: mode != os.W_OK)
    assert run(*COMMANDS['view'], '--rerun', 'a.rrd') == 2
    assert 'its folder is not writable' in capsys.readouterr().err


@pytest.mark.parametrize('command', COMMANDS.values(), ids=COMMANDS)
def test_without_the_viewer_the_extra_that_has_it_is_named(command, monkeypatch, capsys):
    for name in [name for name in sys.modules if name.startswith('vpr_ros.view')]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, 'rerun', None)
    monkeypatch.setattr('vpr_ros.maps.PlaceMap.open', None)  # it is not got so far
    assert run(*command, '--rerun', 'a.rrd') == 1
    assert "pip install 'vpr_ros[view]'" in capsys.readouterr().err


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='displays are of Linux')
def test_missing_display_is_told_at_once(monkeypatch, capsys):
    pytest.importorskip('rerun', reason='rerun-sdk, the extra [view], is not installed')
    for name in ('DISPLAY', 'WAYLAND_DISPLAY', 'WAYLAND_SOCKET'):
        monkeypatch.delenv(name, raising=False)
    assert run('view', 'a.vprmap') == 1
    assert 'write a recording with --rerun FILE.rrd' in capsys.readouterr().err
