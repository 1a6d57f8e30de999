# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Registration of a session by recognised places, on drives whose frames are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros.errors import MapFrameError
from vpr_ros.geometry import Pose
from vpr_ros.loops.registration import LEAST, Recognised, registered

TRANSFORM = Pose.of((120.0, -40.0, 3.0), Pose.planar(0, 0, 2.1).orientation)


def drive(count=100):
    """A winding way, 2 m from place to place, in the frame of the map."""
    x = 2.0 * np.arange(count)
    return [Pose.planar(a, 20 * np.sin(a / 30), np.arctan(2 / 3 * np.cos(a / 30))) for a in x]


def apart(truth):
    """The same drive in a frame that begins somewhere else."""
    return [TRANSFORM.inverse() @ pose for pose in truth]


def seen(truth, rows, rng, noise=0.7):
    """Recognised places, each as far off as keyframes are."""
    shifts = noise * rng.standard_normal((len(rows), 3)) * [1, 1, 0]
    return [
        Recognised(row, Pose.of(truth[row].position + shift, truth[row].orientation))
        for row, shift in zip(rows, shifts, strict=True)
    ]


def errors(found, truth):
    return np.array(
        [pose.distance_to(true) for pose, true in zip(found.poses, truth, strict=True)]
    )


@given(seed=st.integers(0, 2**32 - 1), first=st.integers(0, 70), wrong=st.integers(0, 8))
def test_session_that_shares_a_stretch_comes_into_the_frame_of_the_map(seed, first, wrong):
    rng, truth = np.random.default_rng(seed), drive()
    found = seen(truth, range(first, first + 30), rng)
    for i in rng.choice(30, wrong, replace=False):
        found[i] = Recognised(found[i].row, truth[(found[i].row + 50) % 100])
    result = registered(apart(truth), found)
    assert (result.recognised, result.agreeing) == (30, 30 - wrong)
    off = errors(result, truth)
    assert np.median(off[first : first + 30]) < 0.7
    # Further from the shared stretch an error of the direction weighs more, and is told.
    assert (off < 4 * result.sigmas).all()


def test_drift_is_bent_to_the_recognised_places():
    rng, truth = np.random.default_rng(1), drive()
    stretched = [Pose.of(1.03 * pose.position, pose.orientation) for pose in truth]
    result = registered(apart(stretched), seen(truth, range(0, 100, 2), rng))
    assert result.bent > 1
    assert np.median(errors(result, truth)) < 0.7


def test_places_without_a_pose_stay_without_one():
    truth = drive(40)
    poses = [None if i % 4 == 0 else pose for i, pose in enumerate(apart(truth))]
    result = registered(poses, seen(truth, range(40), np.random.default_rng(2)))
    assert [pose is None for pose in result.poses] == [pose is None for pose in poses]


@pytest.mark.parametrize('rows', [range(0), range(10, 10 + LEAST - 1)])
def test_too_few_recognised_places_are_refused(rows):
    truth = drive()
    with pytest.raises(MapFrameError, match='places were recognised in the map'):
        registered(apart(truth), seen(truth, rows, np.random.default_rng(3)))


def test_recognised_places_that_contradict_each_other_are_refused():
    rng, truth = np.random.default_rng(4), drive()
    anywhere = [Recognised(row, truth[rng.integers(100)]) for row in range(60)]
    with pytest.raises(MapFrameError, match='agree on one transform'):
        registered(apart(truth), anywhere)
