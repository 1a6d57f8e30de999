# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Wrong answers of a stress test in the viewer, read back from the recording."""

from __future__ import annotations

import math

import pytest

pytest.importorskip('rerun', reason='rerun-sdk, the extra [view], is not installed')

from pictures import blocks
from recorded import Recorded
from viewed_maps import COUNT

from vpr_ros.evaluation import Tolerance
from vpr_ros.evaluation.stress.recording import Shot
from vpr_ros.evaluation.stress.stress_results import (
    StressAnswer,
    StressEvaluation,
    StressSetup,
    WrongAnswer,
    figures,
)
from vpr_ros.evaluation.stress.stress_run import StressRun
from vpr_ros.view.stress_scene import show_stress
from vpr_ros.view.view_stream import recording_to

COPY = 999
"""A place of a map that is gone."""


def record(path, place_map, wrong):
    """Record a test of two states; return what was said to be left out, and the recording."""
    setup = StressSetup(
        'again',
        place_map.path.name,
        COUNT,
        9,
        place_map.model,
        Tolerance(5.0),
        {'black': 'a black picture', 'stopped': 'standing'},
        ['single frames'],
    )
    answers = [StressAnswer(i, 0, True, False, '', accepted=True, wrong=i < 2) for i in range(9)]
    rows = tuple(figures(state, 'single frames', answers) for state in setup.states)
    pictures = {(one.state, one.frame): Shot.of(blocks(one.frame)) for one in wrong}
    run = StressRun(StressEvaluation(setup, rows, tuple(wrong)), pictures)
    with recording_to(path, 'stress') as stream:
        left_out = show_stress(stream, run, place_map)
    return left_out, Recorded(path)


WRONG = (
    WrongAnswer('black', 'single frames', 3, 7, 0.9, 12.0, 'it looked so'),
    WrongAnswer('black', 'single frames', 4, COPY, math.nan, math.nan, 'copied'),
    WrongAnswer('stopped', 'single frames', 0, 0, 0.7, math.nan, 'no candidate'),
)


def test_wrong_answers_are_played_with_picture_place_and_words(mapped, tmp_path):
    place_map = mapped()
    left_out, found = record(tmp_path / 's.rrd', place_map, WRONG)
    assert left_out == ''
    assert found.blueprints == 1
    blob, strips = 'EncodedImage:blob', 'Points3D:positions'
    assert found.moments('query/picture', blob, 'answer') == [0, 1, 2]
    # Copies of places are gone, and no candidate is none.
    assert found.moments('candidates/1', blob, 'answer') == [0]
    assert found.moments('world/query/candidates', strips, 'answer') == [0]
    assert found.values('world/query/candidates', strips)[0] == [[6, 0, 0]]
    assert found.moments('plots/scores/probability', 'Scalars:scalars', 'answer') == [0, 2]
    assert found.moments('plots/error/answer', 'Scalars:scalars', 'answer') == [0]
    texts = [text for (text,) in found.values('query/about', 'TextDocument:text')]
    assert 'frame 3, answered place 7, probability 0.900; 12 m off' in texts[0]
    assert 'no answer is right' in texts[1]


def test_figures_of_each_state_and_mode_are_a_table(mapped, tmp_path):
    _, found = record(tmp_path / 's.rrd', mapped(), WRONG)
    text = found.static('about', 'TextDocument:text')[0]
    assert '| black | single frames | 9 | 9 | 2 | 22.2 % |' in text


def test_test_without_a_wrong_answer_shows_figures_and_map(mapped, tmp_path):
    _, found = record(tmp_path / 's.rrd', mapped(), ())
    assert 'query/picture' not in found.entities
    assert len(found.static('world/map/places/1\\ day', 'Points3D:positions')) == COUNT
