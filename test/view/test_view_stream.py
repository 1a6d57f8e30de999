# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Recordings appear whole, or not at all."""

from __future__ import annotations

import pytest

pytest.importorskip('rerun', reason='rerun-sdk, the extra [view], is not installed')

import numpy as np
import rerun as rr
from recorded import Recorded

from vpr_ros.errors import VprError
from vpr_ros.view import entities as at
from vpr_ros.view.view_stream import Moments, recording_to


def write(path, text, *, fail=False):
    """Write a recording of a text, or fail on the way."""
    with recording_to(path, 'title') as stream:
        stream.say(text, '')
        if fail:
            raise KeyError


def test_failure_within_leaves_the_old_recording_and_nothing_else(tmp_path):
    path = tmp_path / 'a.rrd'
    write(path, 'first')
    with pytest.raises(KeyError):
        write(path, 'second', fail=True)
    assert Recorded(path).static('about', 'TextDocument:text') == ['first']
    assert list(tmp_path.iterdir()) == [path]


def test_recording_takes_the_place_of_another(tmp_path):
    path = tmp_path / 'a.rrd'
    write(path, 'first')
    write(path, 'second')
    assert Recorded(path).static('about', 'TextDocument:text') == ['second']


def test_full_disk_is_told_and_leaves_nothing(tmp_path, monkeypatch):
    def full(_stream, **_):
        msg = 'No space left on device'
        raise RuntimeError(msg)

    monkeypatch.setattr(rr.RecordingStream, 'flush', full)
    with pytest.raises(VprError, match=r'a\.rrd cannot be written: No space left'):
        write(tmp_path / 'a.rrd', 'text')
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('name', ['gone/a.rrd', f'{"a" * 252}.rrd'])
def test_path_that_cannot_be_a_file_is_refused(tmp_path, name):
    with pytest.raises(VprError, match='cannot be written'):
        write(tmp_path / name, 'text')
    assert list(tmp_path.iterdir()) == []


def test_rerun_that_is_switched_off_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv('RERUN', 'off')
    with pytest.raises(VprError, match='switched off by the environment variable RERUN'):
        write(tmp_path / 'a.rrd', 'text')


def test_data_of_another_archetype_than_that_of_the_entity_fails(tmp_path):
    with pytest.raises(TypeError), recording_to(tmp_path / 'a.rrd', 'title') as stream:
        stream.show(at.LOOK_ALIKES, positions=np.zeros((1, 3)))


def test_nothing_is_played_over_no_moments(tmp_path):
    path = tmp_path / 'a.rrd'
    with recording_to(path, 'title') as stream:
        stream.play(at.SIMILARITY, Moments('frame', np.empty(0, np.int64)), scalars=[])
        stream.say('text', '')
    assert set(Recorded(path).entities) == {'about'}
