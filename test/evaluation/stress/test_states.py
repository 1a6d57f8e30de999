# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from straight_drive import SECOND, STEP, places, straight

from vpr_ros.evaluation.stress import states
from vpr_ros.evaluation.stress.states import STATES

DRIVE = straight(60)
PLACES = places(DRIVE)
BLIND = {'black', 'white', 'noise', 'covered', 'wall'}


@pytest.fixture
def frames_of():
    return lambda state: [list(run) for run in state(DRIVE, PLACES).runs]


def travelled(frames):
    """Return the metres between the odometry of each frame and that before."""
    return [a.odometry.distance_to(b.odometry) for a, b in pairwise(frames)]


@pytest.mark.parametrize('state', STATES, ids=lambda state: state.name)
@pytest.mark.parametrize('count', [1, 2, 7, 60])
def test_every_state_can_be_made_of_a_drive_of_any_length(state, count):
    drive = straight(count)
    scenario = state.make(drive, PLACES)
    for mask in (scenario.kept, scenario.copied):
        assert mask is None or mask.shape == (len(PLACES),)
    for run in scenario.runs:
        stamps = np.diff([frame.stamp for frame in run])
        assert (stamps > 0).all() or state.name == 'stale-stamps'
        assert any(frame.counted for frame in run)
    again = state.make(drive, PLACES)
    assert [[frame.stamp for frame in run] for run in again.runs] == [
        [frame.stamp for frame in run] for run in scenario.runs
    ]


@pytest.mark.parametrize('state', STATES, ids=lambda state: state.name)
def test_only_where_nothing_can_be_seen_no_answer_is_right(state):
    counted = [f for run in state.make(DRIVE, PLACES).runs for f in run if f.counted]
    assert all((frame.truth is None) == (state.name in BLIND) for frame in counted)


def test_the_map_ends_half_way():
    kept = states.beyond_the_end(DRIVE, PLACES).kept
    middle = DRIVE.truths[-1].position[0] / 2
    assert kept[PLACES[:, 0] < middle - STEP].all()
    assert not kept[PLACES[:, 0] > middle + STEP].any()


def test_three_of_fifteen_places_are_missing():
    kept = states.gaps_of_places(DRIVE, PLACES).kept
    assert [int(np.sum(~kept[i : i + 15])) for i in range(0, 105, 15)] == [3] * 7


def test_gaps_are_two_to_five_metres_wide():
    fine = places(DRIVE, 0.1)
    missing = np.flatnonzero(~states.gaps_of_metres(DRIVE, fine).kept)
    gaps = np.split(missing, np.flatnonzero(np.diff(missing) > 1) + 1)
    assert len(gaps) == 6
    # Places are known along the way to the next frame, which is a metre away at most.
    assert all(2 - STEP <= 0.1 * len(gap) <= 5 + STEP for gap in gaps)


def test_places_beside_the_way_stay_in_the_map():
    aside = PLACES + np.array([0, 30, 0, 0, 0, 0, 0])
    for state in (states.beyond_the_end, states.gaps_of_places, states.gaps_of_metres):
        assert state(DRIVE, aside).kept.all()
    assert not states.look_alikes(DRIVE, aside).copied.any()


def test_odometry_does_not_see_that_the_robot_is_carried(frames_of):
    for run in frames_of(states.carried_away):
        (at,) = [i for i, frame in enumerate(run) if frame.carried]
        assert run[at - 1].truth.distance_to(run[at].truth) > 15 * STEP
        assert travelled(run)[at - 1] == 0
        assert run[at].stamp - run[at - 1].stamp == SECOND


def test_a_robot_at_rest_sees_changing_pictures_of_one_place(frames_of):
    for run in frames_of(states.switched_on_standing):
        assert len({frame.truth.position[0] for frame in run}) == 1
        assert not any(travelled(run))
        assert all((a.rgb != b.rgb).any() for a, b in pairwise(run))


def test_a_robot_that_stops_has_driven_before(frames_of):
    run = frames_of(states.stopped)[-1]
    driving = [frame for frame in run if not frame.counted]
    assert len(driving) == 5
    assert min(travelled([*driving, run[5]])) > STEP / 2


def test_a_frozen_camera_repeats_its_picture_while_the_robot_drives_on(frames_of):
    for run in frames_of(states.frozen):
        still = [frame for frame in run if frame.counted]
        assert all(frame.shot is still[0].shot for frame in still)
        assert min(travelled(run)) > STEP / 2
    for run in frames_of(states.frozen_noisy):
        still = [frame for frame in run if frame.counted]
        assert all((a.rgb != b.rgb).any() for a, b in pairwise(still))


def test_reverse_gear_keeps_the_heading_and_drives_backwards(frames_of):
    (run,) = frames_of(states.reverse_gear)
    assert all(frame.truth.yaw == 0 for frame in run)
    step = run[0].odometry.inverse() @ run[1].odometry
    assert step.position[0] < -STEP / 2


def test_odometry_fails_as_the_state_says(frames_of):
    (lost,) = frames_of(states.odometry_drops_out)
    assert [frame.odometry is None for frame in lost] == [20 <= i < 40 for i in range(60)]
    (absurd,) = frames_of(states.odometry_absurd)
    assert sum(abs(frame.odometry.position[0]) > 5e8 for frame in absurd) == 1
    (slipping,), (plain,) = frames_of(states.odometry_slips), frames_of(states.as_it_is)
    assert sum(travelled(slipping)) > 1.03 * sum(travelled(plain))


def test_one_stamp_goes_back_and_one_jumps_ahead(frames_of):
    (run,) = frames_of(states.stale_stamps)
    steps = np.diff([frame.stamp for frame in run]) / SECOND
    assert sorted(steps)[-2:] == [11, 3601]
    assert sorted(steps)[:2] == [-3599, -9]


def test_the_drive_elsewhere_has_no_right_answer():
    (run,) = states.elsewhere(DRIVE).runs
    assert all(frame.truth is None and frame.odometry is not None for frame in run)
