# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vpr_ros.geometry import Pose
from vpr_ros.maps import MapWriter, NewPlace
from vpr_ros.search import Candidates
from vpr_ros.types import Description, ModelInfo

MODEL = ModelInfo('numbers', '0' * 64, 8, 8, 'none', trained=True)
DESCRIPTION = Description(np.eye(8, dtype=np.float32)[0], np.uint8([1]))
FRONT, REAR = Pose.of((1.0, 0.0, 0.0)), Pose.planar(-1.0, 0.0, np.pi)
NUMBERS = st.floats(-5, 5)
POSES = st.builds(
    lambda p, q: Pose.of(p, (*q, 1.0)),
    st.tuples(NUMBERS, NUMBERS, NUMBERS),
    st.tuples(NUMBERS, NUMBERS, NUMBERS),
)


def candidates_of(path, places):
    """Return all places of a new map, each a pose and the mount of its camera."""
    with MapWriter.create(path, MODEL) as place_map:
        session = place_map.begin_session('drive', 0)
        place_map.add(
            [
                NewPlace(DESCRIPTION, session, i, pose, camera='camera', mount=mount)
                for i, (pose, mount) in enumerate(places)
            ]
        )
        count = len(places)
        similarities, bits = np.linspace(0.9, 0.1, count), np.full(count, 3)
        return Candidates.found(place_map.snapshot, np.arange(count), similarities, bits)


def between(place, query):
    """Return the pose of a base whose camera stands where that of the place stood."""
    if place.pose is None:
        return None
    # Two cameras at one pose.
    return place.pose @ place.mount @ Pose.identity() @ query.inverse()


@pytest.fixture(scope='module')
def mapped(tmp_path_factory):
    """Candidates at random poses by cameras at random mounts, some of which are not known."""
    rng = np.random.default_rng(5)

    def random_pose(scale):
        return Pose.of(rng.normal(0, scale, 3), rng.normal(0, 1, 4))

    mounts = [None, REAR, *(random_pose(1) for _ in range(4))]
    places = [
        (None if i % 7 == 0 else random_pose(100), mounts[i % len(mounts)]) for i in range(84)
    ]
    return candidates_of(tmp_path_factory.mktemp('remounting') / 'random.vprmap', places)


@settings(max_examples=25)
@given(query=POSES | st.just(REAR))
def test_poses_are_to_the_last_bit_those_of_each_place_by_itself(mapped, query):
    found = mapped.seen_through(query)
    for place, moved, row in zip(mapped.places(), found.places(), found.poses, strict=True):
        expected = place.pose
        if place.mount is not None and (place.mount.as_array() != query.as_array()).any():
            expected = between(place, query)
        if expected is None:
            assert moved.pose is None
            assert np.isnan(row).all()
        else:
            assert np.array_equal(row, expected.as_array())
            assert np.array_equal(moved.pose.as_array(), expected.as_array())
        if place.pose is not None and place.mount is not None:
            assert np.array_equal(moved.mount.as_array(), query.as_array())
            camera, wanted = moved.pose @ query, place.pose @ place.mount
            assert camera.distance_to(wanted) < 1e-9
            assert camera.angle_to(wanted) < 1e-7


def test_everything_but_the_poses_stays(mapped):
    found = mapped.seen_through(FRONT)
    for name in ('ids', 'similarities', 'hamming', 'rows'):
        np.testing.assert_array_equal(getattr(found, name), getattr(mapped, name))
    assert np.isfinite(mapped.snapshot.columns.poses[1]).all()
    assert (found.poses[2] != mapped.poses[2]).any()


def test_a_rear_camera_sees_the_other_way_round(tmp_path):
    mapped = candidates_of(tmp_path / 'front.vprmap', [(Pose.planar(10, 0, 0), FRONT)])
    (place,) = mapped.seen_through(REAR).places()
    np.testing.assert_allclose(place.pose.position, [10, 0, 0], atol=1e-12)
    assert abs(place.pose.yaw) == pytest.approx(np.pi)


def test_places_without_poses_are_one_place_within_as_many_seconds(tmp_path):
    second = 10**9
    with MapWriter.create(tmp_path / 'town.vprmap', MODEL) as place_map:
        day, night = place_map.begin_session('day', 0), place_map.begin_session('night', 0)
        seen = [(day, 0, None), (day, 4, None), (day, 9, None), (night, 0, None)]
        seen += [(day, 0, Pose.identity()), (day, 90, Pose.planar(3, 0, 0))]
        place_map.add(
            [NewPlace(DESCRIPTION, session, at * second, pose) for session, at, pose in seen]
        )
        rows = np.arange(len(seen))
        found = Candidates.found(place_map.snapshot, rows, np.ones(6), np.zeros(6, int))
    together = found.together(rows, 5.0)
    assert [np.flatnonzero(row).tolist() for row in together] == [
        [0, 1],
        [0, 1, 2],
        [1, 2],
        [3],
        [4, 5],
        [4, 5],
    ]
    assert found.take([1, 2]).together(np.array([0]), 5.0).tolist() == [[True, True]]
    unknown = replace(found, snapshot=None, rows=None)
    assert unknown.together(np.array([0]), 5.0).sum() == 1
