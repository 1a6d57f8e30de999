# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import pytest

from vpr_ros.errors import VprError
from vpr_ros.evaluation import Tolerance
from vpr_ros.evaluation.stress.stress_results import (
    StressAnswer,
    StressEvaluation,
    StressSetup,
    WrongAnswer,
    figures,
    stress_verdict,
)
from vpr_ros.types import ModelInfo


def answers(marks, runs=None, **values):
    """Return answers: ``w`` accepted and wrong, ``r`` accepted and right, ``.`` refused.

    In upper case the robot was carried there since the frame before.
    """
    return [
        StressAnswer(
            frame=i,
            run=0 if runs is None else int(runs[i]),
            counted=True,
            carried=mark.isupper(),
            accepted=mark.lower() in 'wr',
            wrong=mark.lower() == 'w',
            place_right=mark.lower() == 'r',
            probability=values.get('probability', math.nan),
            nees=values.get('nees', math.nan),
            place=1,
            off=0.0,
            reason='',
        )
        for i, mark in enumerate(marks)
    ]


def row(*args, **values):
    return figures('a state', 'a mode', answers(*args, **values))


def test_wrong_answers_are_counted_and_those_in_direct_succession():
    found = row('rww.www.r')
    assert (found.frames, found.accepted, found.right, found.wrong) == (9, 7, 2, 5)
    assert found.longest == 3


def test_a_succession_does_not_go_on_in_the_next_run():
    assert row('wwww', '0011').longest == 2


@pytest.mark.parametrize(
    ('marks', 'runs', 'frames'),
    [
        ('rrR', None, 1),
        ('rW.wr', None, 4),
        ('rW.r.W.', '0000111', math.inf),
        ('r.W.rrWr', '00000111', 2.5),
        ('rW.r', '0001', math.inf),
        ('rrr', None, math.nan),
    ],
)
def test_recovery_is_the_median_of_frames_until_a_right_answer(marks, runs, frames):
    assert row(marks, runs).recovery == pytest.approx(frames, nan_ok=True)


def test_probabilities_are_compared_with_the_first_candidates():
    assert row('rrw.', probability=0.95).ece == pytest.approx(0.45)
    assert math.isnan(row('rrw.').ece)


def test_errors_of_right_answers_are_compared_with_their_covariance():
    assert row('rr', nees=3.0).nees == 3.0
    assert row('rr', nees=9.0).inside == 0.0
    assert math.isnan(row('ww', nees=9.0).nees)


def evaluation(*rows, wrong=()):
    model = ModelInfo('hog', 'none', 8, 0, 'grey', trained=True)
    states = {each.state: 'in words' for each in rows}
    modes = [each.mode for each in rows]
    setup = StressSetup('bag', 'map', 5, 9, model, Tolerance(5.0, 0.8), states, modes)
    return StressEvaluation(setup, tuple(rows), tuple(wrong))


def test_results_come_back_from_their_file(tmp_path):
    wrong = WrongAnswer('a state', 'a mode', 3, 7, math.nan, math.nan, 'why')
    stored = evaluation(row('rW.'), wrong=[wrong])
    stored.save(tmp_path / 'stress.json')
    loaded = StressEvaluation.load(tmp_path / 'stress.json')
    assert loaded.to_json() == stored.to_json()
    assert math.isinf(loaded.rows[0].recovery)
    assert math.isnan(loaded.wrong[0].off)


def test_damaged_results_are_refused():
    data = evaluation(row('r')).to_json()
    del data['rows'][0]['wrong']
    with pytest.raises(VprError, match='damaged'):
        StressEvaluation.from_json(data)


def test_the_verdict_names_safe_states_and_shares():
    assert 'In 0 of 1 state' in stress_verdict(evaluation(row('rw..')))
    assert 'a mode 25 %' in stress_verdict(evaluation(row('rw..')))
    assert 'In 1 of 1 state' in stress_verdict(evaluation(row('rr..')))
