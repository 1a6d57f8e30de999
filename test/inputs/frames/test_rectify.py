# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Straight lines become straight: points are projected by formulas of our own, not OpenCV's."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from vpr_ros.geometry.pinhole import IntrinsicsError
from vpr_ros.inputs.frames.rectify import Rectifier

WIDTH, HEIGHT, FOCAL = 320, 240, 160.0
K = (FOCAL, 0.0, 159.5, 0.0, FOCAL, 119.5, 0.0, 0.0, 1.0)
P = (FOCAL, 0.0, 159.5, 0.0, 0.0, FOCAL, 119.5, 0.0, 0.0, 0.0, 1.0, 0.0)
PLUMB_BOB = (-0.25, 0.06, 0.001, -0.0005, 0.0)
EQUIDISTANT = (-0.02, 0.01, 0.0, 0.0)


def info(model='plumb_bob', d=PLUMB_BOB, **changes):
    fields = {
        'width': WIDTH,
        'height': HEIGHT,
        'distortion_model': model,
        'd': d,
        'k': K,
        'r': (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
        'p': P,
        'binning_x': 0,
        'binning_y': 0,
        'roi': SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0),
    }
    return SimpleNamespace(**(fields | changes))


def distorted(x, y, model, d):
    """Brown-Conrady and Kannala-Brandt: where a ray (x, y, 1) meets the image plane."""
    r2 = x * x + y * y
    if model == 'equidistant':
        r = np.sqrt(r2)
        theta = np.arctan(r)
        ratio = theta * (1 + sum(k * theta ** (2 * i + 2) for i, k in enumerate(d))) / r
        return x * ratio, y * ratio
    k1, k2, p1, p2, k3 = d
    radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    return (
        x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
        y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
    )


def seen_by_lens(model, d, size=(WIDTH, HEIGHT)):
    """What a lens makes of a dot at a direction, and the pixel where the dot belongs."""
    width, height = size
    scale = width / WIDTH
    pixels = np.zeros((height, width, 3), np.uint8)
    x, y = 0.6, -0.35
    u, v = distorted(x, y, model, d)
    raw = (np.array([FOCAL * u + 159.5, FOCAL * v + 119.5]) + 0.5) * scale - 0.5
    cv2.circle(pixels, tuple(int(c) for c in np.rint(raw * 16)), 48, (255, 255, 255), -1, shift=4)
    wanted = (np.array([FOCAL * x + 159.5, FOCAL * y + 119.5]) + 0.5) * scale - 0.5
    assert np.linalg.norm(raw - wanted) > 5 * scale
    return pixels, wanted


def centre(pixels):
    rows, columns = np.mgrid[: pixels.shape[0], : pixels.shape[1]]
    weight = pixels[..., 0].astype(float)
    return np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()


@pytest.mark.parametrize(('model', 'd'), [('plumb_bob', PLUMB_BOB), ('equidistant', EQUIDISTANT)])
@pytest.mark.parametrize('size', [(WIDTH, HEIGHT), (2 * WIDTH, 2 * HEIGHT)])
def test_a_dot_is_moved_to_where_its_ray_points(model, d, size):
    rectifier = Rectifier('/camera_info')
    rectifier.learn(info(model, d))
    pixels, wanted = seen_by_lens(model, d, size)
    np.testing.assert_allclose(centre(rectifier(pixels)), wanted, atol=0.6)


def test_binning_and_region_of_interest_are_heeded():
    rectifier = Rectifier('/camera_info')
    roi = SimpleNamespace(x_offset=40, y_offset=20, width=280, height=160)
    rectifier.learn(info(roi=roi, binning_x=2, binning_y=2))
    pixels, wanted = seen_by_lens('plumb_bob', PLUMB_BOB)
    cut = cv2.resize(pixels[20:180, 40:], (140, 80), interpolation=cv2.INTER_AREA)
    found = (centre(rectifier(cut)) + 0.5) * 2 - 0.5 + (40, 20)
    np.testing.assert_allclose(found, wanted, atol=1.2)


def test_a_lens_without_distortion_changes_nothing():
    rectifier = Rectifier('/camera_info')
    rectifier.learn(info(d=(), r=(0.0,) * 9, p=(0.0,) * 12))
    pixels = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    np.testing.assert_array_equal(rectifier(pixels), pixels)


def test_maps_are_made_once_for_a_calibration(monkeypatch):
    made = []
    original = cv2.initUndistortRectifyMap
    monkeypatch.setattr(
        cv2, 'initUndistortRectifyMap', lambda *a: (made.append(1), original(*a))[1]
    )
    rectifier = Rectifier('/camera_info')
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for _ in range(3):
        rectifier.learn(info())
        rectifier(pixels)
    assert len(made) == 1
    rectifier.learn(info(d=(0.1, 0.0, 0.0, 0.0)))
    rectifier(pixels)
    assert len(made) == 2


def test_absent_camera_info_is_named():
    with pytest.raises(IntrinsicsError, match='no camera_info has come on /front/camera_info'):
        Rectifier('/front/camera_info')(np.zeros((4, 4, 3), np.uint8))


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'k': (0.0,) * 9}, 'no calibration'),
        ({'k': (float('nan'), *K[1:])}, 'no calibration'),
        ({'distortion_model': 'mirror'}, "'mirror'"),
        ({'d': (1.0, 2.0, 3.0)}, '3 coefficients'),
    ],
)
def test_calibrations_that_cannot_be_used_are_refused(changes, words):
    with pytest.raises(IntrinsicsError, match=words):
        Rectifier('/camera_info').learn(info(**changes))


def test_calibration_of_another_camera_is_refused():
    rectifier = Rectifier('/camera_info')
    rectifier.learn(info())
    with pytest.raises(IntrinsicsError, match='320 x 240 pixels, but they are 320 x 180'):
        rectifier(np.zeros((180, 320, 3), np.uint8))
