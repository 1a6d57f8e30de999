# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros.geometry import Pose
from vpr_ros.localize.remounting import seen_through
from vpr_ros.maps import Place
from vpr_ros.search import Hit

NUMBERS = st.floats(-5, 5)
POSES = st.builds(
    lambda p, q: Pose.of(p, (*q, 1.0)),
    st.tuples(NUMBERS, NUMBERS, NUMBERS),
    st.tuples(NUMBERS, NUMBERS, NUMBERS),
)


def hit(pose, mount):
    place = Place(1, 1, 0, pose, None, None, 'front', None, mount)
    return Hit.of(place, 3, 0.9)


@given(base=POSES, mapped=POSES, query=POSES)
def test_both_cameras_see_the_place_from_one_pose(base, mapped, query):
    (found,) = seen_through([hit(base, mapped)], query)
    camera, wanted = found.place.pose @ query, base @ mapped
    np.testing.assert_allclose(camera.position, wanted.position, atol=1e-9)
    assert camera.angle_to(wanted) < 1e-7
    assert (found.hamming, found.similarity) == (3, 0.9)


def test_a_rear_camera_sees_the_other_way_round():
    front = Pose.of((1.0, 0.0, 0.0))
    rear = Pose.planar(-1.0, 0.0, np.pi)
    (found,) = seen_through([hit(Pose.planar(10, 0, 0), front)], rear)
    np.testing.assert_allclose(found.place.pose.position, [10, 0, 0], atol=1e-12)
    assert abs(found.place.pose.yaw) == pytest.approx(np.pi)


@pytest.mark.parametrize(('pose', 'mount'), [(None, Pose.identity()), (Pose.identity(), None)])
def test_places_of_which_too_little_is_known_stay_as_they_are(pose, mount):
    (found,) = seen_through([hit(pose, mount)], Pose.planar(1, 2, 3))
    assert found.place.pose is pose
