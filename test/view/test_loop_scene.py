# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Loops of a traverse in the viewer, read back from the recording."""

from __future__ import annotations

import pytest

pytest.importorskip('rerun', reason='rerun-sdk, the extra [view], is not installed')

import numpy as np
from pictures import blocks
from recorded import Recorded
from viewed_maps import MODEL

from vpr_ros.evaluation.loop_results import LoopEvaluation, LoopRecord, LoopSetup
from vpr_ros.geometry import Pose
from vpr_ros.view.loop_scene import show_loops
from vpr_ros.view.view_stream import recording_to

SECOND = 10**9
SETUP = LoopSetup('laps', MODEL, 'within 3 m', '5 keyframes', verified=True)


def keyframe(number, match=None, *, announced=False, right=None, true_match=None, posed=True):
    return LoopRecord(
        place_id=number + 1,
        stamp=number * SECOND,
        pose=Pose.planar(number, 0, 0).as_array() if posed else None,
        status='ACCEPTED' if announced else 'BELOW_THRESHOLD',
        reason=f'reason {number}',
        match=match,
        similarity=0.5 if match is not None else float('nan'),
        inliers=40 if match is not None else None,
        announced=announced,
        right=right,
        revisit=None if not posed else right is True or true_match is not None,
        true_match=true_match,
    )


LAPS = (
    keyframe(0),
    keyframe(1),
    keyframe(2),
    keyframe(3, 0, announced=True, right=True, true_match=0),
    keyframe(4, 2, announced=True, right=False),
    keyframe(5, 1, right=True, true_match=1),  # missed
)


def record(tmp_path, records):
    """Record the loops; return what was said to be left out, and the recording."""
    path = tmp_path / 'loops.rrd'
    with recording_to(path, 'loops') as stream:
        left_out = show_loops(
            stream,
            LoopEvaluation(SETUP, records),
            lambda stamps: [(stamp, blocks(stamp // SECOND)) for stamp in sorted(stamps)],
        )
    return left_out, Recorded(path)


def test_loops_are_drawn_by_kind_between_their_keyframes(tmp_path):
    left_out, found = record(tmp_path, LAPS)
    assert left_out == ''
    assert found.blueprints == 1
    for kind, ends in (('right', (3, 0)), ('wrong', (4, 2)), ('missed', (5, 1))):
        (line,) = found.static(f'world/loops/{kind}', 'LineStrips3D:strips')
        assert line == [[x, 0, 0] for x in ends]
    assert 'world/loops/unjudged' not in found.entities
    (way,) = found.static('world/drive/way', 'LineStrips3D:strips')
    assert [x for x, _, _ in way] == [0, 1, 2, 3, 4, 5]
    assert '6 keyframes, of which 2 show' in found.static('about', 'TextDocument:text')[0]


def test_each_keyframe_is_played_beside_the_one_that_it_is_most_like(tmp_path):
    _, found = record(tmp_path, LAPS)
    blob = 'EncodedImage:blob'
    assert found.moments('query/picture', blob, 'frame') == [0, 1, 2, 3, 4, 5]
    assert found.moments('candidates/1', blob, 'frame') == [3, 4, 5]
    # The earlier picture is that of the earlier keyframe.
    assert found.values('candidates/1', blob)[4] == found.values('query/picture', blob)[2]
    assert found.moments('plots/inliers', 'Scalars:scalars', 'frame') == [3, 4, 5]
    texts = [text for (text,) in found.values('query/about', 'TextDocument:text')]
    assert 'most like keyframe 2 (similarity 0.500): announced, another place' in texts[4]


def test_keyframes_without_poses_are_shown_by_their_pictures(tmp_path):
    records = (keyframe(0, posed=False), keyframe(1, 0, announced=True, posed=False))
    left_out, found = record(tmp_path, records)
    assert left_out == 'no keyframe has a pose, so that there is no way to look at'
    assert found.moments('candidates/1', 'EncodedImage:blob', 'frame') == [1]
    assert not any(path.startswith('world/') for path in found.entities)


def test_traverse_of_no_keyframe_is_recorded(tmp_path):
    _, found = record(tmp_path, ())
    assert '0 keyframes' in found.static('about', 'TextDocument:text')[0]


def test_unknown_poses_interrupt_the_way(tmp_path):
    gone = keyframe(2, posed=False)
    _, found = record(tmp_path, (*LAPS[:2], gone, *LAPS[3:]))
    ways = found.static('world/drive/way', 'LineStrips3D:strips')
    assert [np.array(way)[:, 0].tolist() for way in ways] == [[0, 1], [3, 4, 5]]
    assert 'world/loops/wrong' not in found.entities  # to where nobody knows
