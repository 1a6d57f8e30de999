# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Geometry of two and more views on scenes of points that are known."""

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from scipy.stats import chi2

from vpr_ros.geometry import Pose
from vpr_ros.geometry.pinhole import Intrinsics, Pinhole
from vpr_ros.geometry.resection import Observation, Resection, in_base, resect, triangulate
from vpr_ros.geometry.two_view import relate

SIZE = (320, 180)
CAMERA = Pinhole.of_view(90, *SIZE)
FOCAL = 160.0


def scene(rng, count=80):
    """Return points in front of a camera that looks along z."""
    low, high = (-8, -4, 6), (8, 4, 25)
    return rng.uniform(low, high, (count, 3))


def camera_at(x, y, z, *turn):
    return Pose.of((x, y, z), Rotation.from_rotvec(turn or (0, 0, 0)).as_quat())


def pixels(points, pose, rng=None, noise=0.0):
    """Project points of the first camera's frame into a camera with this pose there."""
    seen = (points - pose.position) @ pose.rotation
    image = seen[:, :2] / seen[:, 2:] * FOCAL + np.array(SIZE) / 2 - 0.5
    return image if rng is None else image + noise * rng.standard_normal(image.shape)


def rays(points, pose, rng=None, noise=0.0):
    return CAMERA.rays(pixels(points, pose, rng, noise), SIZE)


def matched_street(rng, pose, noise=0.3):
    """Return pixels (200, 2) of the ground and two house fronts from the origin and a pose."""
    along = rng.uniform(5, 25, 200)
    across, up = rng.uniform(-6, 6, 200), rng.uniform(-3, 1.5, 200)
    fronts = np.column_stack([np.where(across > 0, 6, -6), up, along])
    ground = np.column_stack([across, np.full(200, 1.5), along])
    points = np.where(rng.random((200, 1)) < 0.5, fronts, ground)
    return pixels(points, Pose.identity(), rng, noise), pixels(points, pose, rng, noise)


def view_from(*position):
    """Relate the picture at the origin to one from a position."""
    return relate(*matched_street(np.random.default_rng(3), camera_at(*position)), SIZE)


@pytest.mark.parametrize('towards', [(0, 0, 1), (0, 0, -1), (0.5, 0, 1)])
def test_deformation_grows_with_the_distance_between_the_cameras(towards):
    found = [view_from(*(metres * np.array(towards))).deformation for metres in (0.0, 1.0, 3.0)]
    assert found == sorted(found)
    assert found[0] < 0.03
    assert found[2] > 0.1


def test_a_turn_or_a_shift_of_the_picture_is_no_deformation():
    rng = np.random.default_rng(3)
    first = rng.uniform((0, 0), SIZE, (60, 2))
    cosine, sine = np.cos(0.3), np.sin(0.3)
    turned = first @ np.array([[cosine, sine], [-sine, cosine]]) + [20, 300]
    assert relate(first, turned, SIZE).deformation == pytest.approx(0, abs=1e-6)


def test_pictures_with_nothing_in_common_are_deformed_altogether():
    assert relate(np.zeros((7, 2)), np.zeros((7, 2)), SIZE).deformation == 1.0


def test_view_angle_gives_the_rays_of_its_edges():
    corners = CAMERA.rays(np.array([[-0.5, 89.5], [319.5, 89.5], [159.5, -0.5]]), SIZE)
    np.testing.assert_allclose(corners, [[-1, 0], [1, 0], [0, -0.5625]], atol=1e-12)


def test_a_thumbnail_has_the_rays_of_the_full_picture():
    half = CAMERA.rays(np.array([[79.5, 44.5]]), (160, 90))
    np.testing.assert_allclose(half, CAMERA.rays(np.array([[159.5, 89.5]]), SIZE), atol=1e-12)


@pytest.mark.parametrize(
    ('model', 'd'),
    [('plumb_bob', (-0.3, 0.1, 0.001, 0.002, 0.0)), ('equidistant', (0.05, 0, 0, 0))],
)
def test_distortion_of_a_camera_info_is_undone(model, d):
    k = np.array([[300.0, 0, 321], [0, 310, 239], [0, 0, 1]])
    calibration = Intrinsics(640, 480, model, d, tuple(k.ravel()), (), (0,) * 12)
    wanted = np.array([[0.2, -0.1], [-0.4, 0.3]])
    points = np.column_stack([wanted, np.ones(2)]).reshape(1, -1, 3)
    if model == 'equidistant':
        image = cv2.fisheye.distortPoints(wanted[None], k, np.array(d))
    else:
        image, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), k, np.array(d))
    found = Pinhole.of(calibration).rays(image.reshape(-1, 2), (640, 480))
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_field_of_view_beyond_a_half_circle_is_refused():
    with pytest.raises(ValueError, match='180'):
        Pinhole.of_view(180, 4, 3)


def test_right_pairs_agree_and_wrong_ones_do_not():
    rng = np.random.default_rng(1)
    first, second = matched_street(rng, camera_at(0.2, 0.1, 1.0, 0.0, 0.1, 0.02))
    second[:50] = rng.uniform((0, 0), SIZE, (50, 2))
    view = relate(first, second, SIZE)
    assert view.agreeing[50:].mean() > 0.9
    assert view.agreeing[:50].mean() < 0.1
    assert 0.6 * 150 < view.inliers < 160


def test_pairs_by_chance_do_not_support_each_other():
    rng = np.random.default_rng(2)
    first, second = rng.uniform((0, 0), SIZE, (2, 200, 2))
    view = relate(first, second, SIZE)
    assert view.inliers < 0.15 * 200
    assert not view.agreeing.any()


@pytest.mark.parametrize('shape', ['grid', 'line', 'same point'])
def test_camera_that_did_not_move_agrees_with_itself(shape):
    x, y = np.meshgrid(np.arange(8) * 20.0, np.arange(5) * 20.0)
    points = np.column_stack([x.ravel(), y.ravel()])
    if shape == 'line':
        points[:, 1] = points[:, 0]
    if shape == 'same point':
        points[:] = 5
    assert relate(points, points, SIZE).inliers == len(points)


def test_few_pairs_explain_nothing():
    points = pixels(scene(np.random.default_rng(4), 7), Pose.identity())
    assert relate(points, points, SIZE).inliers == 0


def test_points_are_triangulated_where_they_are():
    rng = np.random.default_rng(5)
    points, neighbour = scene(rng), camera_at(1.5, 0, -1, 0, 0.05, 0)
    rows = rng.permutation(80)[:60]
    sighting = Observation(rows, rays(points[rows], neighbour), neighbour)
    found = triangulate(rays(points, Pose.identity()), [sighting], 1e-4)
    assert set(found.rows) <= set(rows)
    assert len(found.rows) > 50
    np.testing.assert_allclose(found.positions, points[found.rows], atol=1e-4)


def test_points_without_parallax_or_off_their_rays_are_dropped():
    rng = np.random.default_rng(6)
    points = scene(rng)
    points[:40] *= 100
    neighbour = camera_at(1.5, 0, 0)
    wrong = rays(points, neighbour)
    wrong[60:, 1] += 0.1
    found = triangulate(
        rays(points, Pose.identity()), [Observation(np.arange(80), wrong, neighbour)], 0.003
    )
    assert set(found.rows) <= set(range(40, 60))
    assert len(found.rows) > 15


def drive(rng, noise):
    """Resect a camera from three keyframes; return what was found and what is true."""
    points = scene(rng, 120)
    truth = camera_at(*rng.uniform(-1, 1, 3), *rng.uniform(-0.1, 0.1, 3))
    neighbours = [camera_at(2, 0, -1), camera_at(-1, 0, 2, 0, 0.05, 0)]
    everything = np.arange(120)
    sightings = [Observation(everything, rays(points, at, rng, noise), at) for at in neighbours]
    sigma = noise / FOCAL
    found = triangulate(rays(points, Pose.identity(), rng, noise), sightings, sigma)
    seen = rays(points, truth, rng, noise)[found.rows]
    return resect(found, seen, sigma, 0.0), truth


def error_of(found, truth):
    """Return (6,) as the covariance has it: position, then rotation about the fixed axes."""
    turn = cv2.Rodrigues(found.rotation @ truth.rotation.T)[0][:, 0]
    return np.concatenate([found.position - truth.position, turn])


def test_camera_is_found_in_metres_among_outliers():
    rng = np.random.default_rng(7)
    points, truth = scene(rng, 60), camera_at(0.4, -0.2, 0.8, 0.02, -0.1, 0.0)
    neighbour = camera_at(2, 0, 0)
    sighting = Observation(np.arange(60), rays(points, neighbour), neighbour)
    found = triangulate(rays(points, Pose.identity()), [sighting], 0.002)
    seen = rays(points, truth)[found.rows]
    seen[:15] += rng.uniform(0.2, 0.5, (15, 2))
    result = resect(found, seen, 0.002, 0.0)
    assert result.pose.distance_to(truth) < 0.01
    assert result.inliers == len(found.rows) - 15


def test_covariance_of_the_camera_is_as_large_as_its_errors():
    rng = np.random.default_rng(8)
    squares = []
    for _ in range(60):
        found, truth = drive(rng, 0.5)
        error = error_of(found.pose, truth)
        squares.append(error @ np.linalg.solve(found.covariance, error))
    # The points share the noise of the keyframe, which is why the mean may be above six.
    assert chi2.ppf(0.3, 6) < np.median(squares) < chi2.ppf(0.8, 6)


def test_too_few_points_give_no_camera():
    points = triangulate(np.zeros((0, 2)), [], 0.01)
    assert resect(points, np.zeros((0, 2)), 0.01, 0.0) is None


def test_uncertain_baseline_makes_the_way_uncertain_along_itself():
    rng = np.random.default_rng(9)
    points, truth, neighbour = scene(rng, 60), camera_at(0, 0, 2), camera_at(2, 0, 0)
    sighting = Observation(np.arange(60), rays(points, neighbour), neighbour)
    found = triangulate(rays(points, Pose.identity()), [sighting], 1e-4)
    seen = rays(points, truth)[found.rows]
    certain, uncertain = (resect(found, seen, 1e-4, scale).covariance for scale in (0.0, 0.1))
    assert np.sqrt((uncertain - certain)[2, 2]) == pytest.approx(0.2, rel=0.01)


def test_covariance_moves_with_the_mount_as_samples_do():
    rng = np.random.default_rng(10)
    mount = camera_at(0.3, -0.1, 0.8, -0.5, 0.7, 0.2)
    pose = camera_at(1, 2, 3, 0.2, 0.1, -0.4)
    root = rng.normal(size=(6, 6)) * 1e-3
    covariance = root @ root.T
    moved = in_base(Resection(pose, covariance, 20), mount)
    samples = []
    for step in rng.normal(size=(4000, 6)) @ root.T:
        turned = Rotation.from_rotvec(step[3:]) * Rotation.from_quat(pose.orientation)
        sample = Pose.of(pose.position + step[:3], turned.as_quat())
        samples.append(error_of(mount @ sample @ mount.inverse(), moved.pose))
    np.testing.assert_allclose(np.cov(np.array(samples).T), moved.covariance, atol=4e-6)
