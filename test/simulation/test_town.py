# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros.simulation import Conditions, ConditionsError, SimulatedCamera, Town, Traverse
from vpr_ros.simulation.paint import MATT, Paint
from vpr_ros.simulation.plan import Surface

if TYPE_CHECKING:
    from vpr_ros.geometry import Pose

DAY = Conditions.named('day')
EMPTY = Conditions(traffic=0.0)


def project(frame_pose: Pose, camera: SimulatedCamera, point: np.ndarray) -> np.ndarray:
    optical = frame_pose @ camera.mounting
    ray = camera.matrix @ (optical.inverse().rotation @ (point - optical.position))
    return ray[:2] / ray[2]


def test_the_same_seed_gives_the_same_bytes_whatever_was_rendered_before(town: Town) -> None:
    traverse = Traverse(town, Conditions.named('evening-rain'), seed=3)
    again = Traverse(Town(0, town.camera), Conditions.named('evening-rain'), seed=3)
    for index in (40, 41, 7):
        traverse[index]
    assert np.array_equal(traverse[40].rgb, again[40].rgb)


def test_another_seed_is_another_town(town: Town) -> None:
    other = Town(1, town.camera)
    pose = town.route().pose(20)
    difference = town.view(pose, EMPTY).astype(int) - other.view(pose, EMPTY)
    assert np.abs(difference).mean() > 15


@dataclass(frozen=True)
class Magenta:
    def paint(self) -> Paint:
        paint = Paint.blank(8, 8, MATT)
        paint.rgb[:] = (255, 0, 255)
        return paint


def test_known_points_are_seen_where_the_intrinsics_say() -> None:
    town = Town(0)
    pose = town.route().pose(33)
    size = 0.25
    right = size * (pose.rotation @ np.array([0.0, -1.0, 0.0]))
    down = np.array([0.0, 0.0, -size])
    places = [(6.0, 1.2, 1.0), (9.0, -2.0, 3.0), (4.0, 0.3, 0.4)]
    points = [pose.position + pose.rotation @ np.array(place) for place in places]
    for point in points:
        patch = Surface(point - right / 2 - down / 2, right, down, Magenta())
        town._plan.surfaces.append(patch)
    view = town.view(pose, EMPTY).astype(int)
    magenta = (view[..., 0] - view[..., 1] > 60) & (view[..., 2] - view[..., 1] > 60)
    _, labels, _, centres = cv2.connectedComponentsWithStats(magenta.astype(np.uint8))
    for point in points:
        x, y = project(pose, town.camera, point)
        label = labels[round(y), round(x)]
        assert label > 0
        assert centres[label] == pytest.approx([x, y], abs=0.5)


def test_supersampling_keeps_the_view() -> None:
    camera = SimulatedCamera()
    ray = np.array([0.3, -0.2, 1.0])
    fine, coarse = camera.supersampled(2) @ ray, camera.matrix @ ray
    assert (fine[:2] + 0.5) / 2 - 0.5 == pytest.approx(coarse[:2])


def test_conditions_change_the_picture_but_not_the_poses(town: Town) -> None:
    names = ['day', 'evening-rain', 'night', 'day-fog-winter']
    frames = [Traverse(town, Conditions.named(n), seed=1)[25] for n in names]
    for i, a in enumerate(frames):
        for b in frames[i + 1 :]:
            assert np.array_equal(a.pose.as_array(), b.pose.as_array())
            assert np.abs(a.rgb.astype(int) - b.rgb).mean() > 8
    assert frames[2].rgb.mean() < 0.5 * frames[0].rgb.mean()


def test_cars_and_people_differ_between_traverses(town: Town) -> None:
    pose = town.route().pose(70)
    crowd = Conditions(traffic=0.9)
    one, other = (town.view(pose, crowd, seed) for seed in (1, 2))
    changed = (np.abs(one.astype(int) - other).max(-1) > 40).mean()
    nobody = [town.view(pose, EMPTY, seed) for seed in (1, 2)]
    still = (np.abs(nobody[0].astype(int) - nobody[1]).max(-1) > 40).mean()
    assert changed > 0.02 > 10 * still


def test_a_lateral_shift_moves_the_robot_to_the_left(town: Town) -> None:
    here, left = (
        Traverse(town, DAY, seed=5, lateral_shift=shift).pose_at(2_500_000_000)
        for shift in (0.0, 0.8)
    )
    across = here.inverse().rotation @ (left.position - here.position)
    assert across[1:] == pytest.approx([0.8, 0.0], abs=1e-9)
    assert here.angle_to(left) == pytest.approx(0, abs=1e-9)


@given(start=st.floats(0, 2000), step=st.floats(0.01, 1.0))
def test_the_route_has_no_jumps(start: float, step: float) -> None:
    route = _ROUTE
    a, b = route.pose(start), route.pose(start + step)
    assert a.distance_to(b) <= step + 1e-9
    assert a.distance_to(b) >= 0.9 * step
    assert a.angle_to(b) <= step / 5.0 + 1e-9


_ROUTE = Town(0).route(0.5)


def test_the_route_is_a_closed_drive_of_several_hundred_metres() -> None:
    assert 400 < _ROUTE.length < 900
    assert _ROUTE.pose(0).distance_to(_ROUTE.pose(_ROUTE.length - 1e-6)) < 1e-4


def test_a_drive_ends_after_the_frames_asked_for(town: Town) -> None:
    conditions = Conditions()
    assert len(Traverse(town, conditions, most=5)) == 5
    around = len(Traverse(town, conditions))
    assert len(Traverse(town, conditions, most=around + 5)) == around


def test_frames_are_evenly_spaced_and_stamped(town: Town) -> None:
    traverse = Traverse(town, DAY, seed=1, spacing=2.0, speed=4.0)
    assert [traverse.stamp(i) for i in range(3)] == [0, 500_000_000, 1_000_000_000]
    first, second = (traverse.pose_at(traverse.stamp(i)) for i in (0, 1))
    assert first.distance_to(second) == pytest.approx(2.0, abs=1e-6)
    with pytest.raises(IndexError):
        traverse[len(traverse)]
    with pytest.raises(ValueError, match='must be positive'):
        Traverse(town, DAY, spacing=0.0)


@given(st.integers(0, 2**32 - 1))
def test_conditions_are_found_by_their_name(seed: int) -> None:
    conditions = Conditions.random(np.random.default_rng(seed))
    named = Conditions.named(conditions.name)
    assert (named.time, named.weather, named.season) == (
        conditions.time,
        conditions.weather,
        conditions.season,
    )


@given(st.text(max_size=12))
def test_unknown_conditions_are_refused_with_the_known_words(word: str) -> None:
    if not set(word.split('-')) & {'day', 'night', 'rain', 'fog'}:
        with pytest.raises(ConditionsError, match=r'unknown conditions .* known: morning, day'):
            Conditions.named(f'{word}-x')


def test_contradicting_conditions_are_refused() -> None:
    with pytest.raises(ConditionsError, match="gives the time twice: 'day' and 'night'"):
        Conditions.named('day-night')
