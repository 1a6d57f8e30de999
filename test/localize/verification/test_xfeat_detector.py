# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from textured_boards import World

from vpr_ros.errors import ModelError
from vpr_ros.geometry import Pose
from vpr_ros.geometry.two_view import relate
from vpr_ros.localize.verification import XFeatDetector, xfeat_runner

PUBLISHED = Path(__file__).with_name('published_xfeat.npz')
"""Keypoints and descriptors of `picture(0)` by the published program, see there."""


def picture(x, world=1):
    return World(world).seen_from(Pose.planar(x, 0, 0))


@pytest.fixture(scope='module')
def torch_detector():
    return XFeatDetector(1, 'torch')


@pytest.fixture(scope='module')
def onnx_detector(tmp_path_factory):
    pytest.importorskip('onnx')
    pytest.importorskip('onnxruntime')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('VPR_WEIGHTS', str(tmp_path_factory.mktemp('weights')))
        return XFeatDetector(1, 'onnx')


def agreeing(detector, first, second):
    a, b = detector.detect([first, second])
    matches = detector.match(a, b)
    return relate(a.points[matches[:, 0]], b.points[matches[:, 1]], a.size).inliers


def test_features_of_the_same_place_agree_and_those_of_another_do_not(torch_detector):
    rule = torch_detector.rule
    assert agreeing(torch_detector, picture(0), picture(0.1)) >= rule.least
    assert agreeing(torch_detector, picture(0), picture(0, 3)) < rule.least


def test_features_are_those_of_the_published_program(torch_detector):
    published = np.load(PUBLISHED)
    (found,) = torch_detector.detect([picture(0)])
    # Ours lie beside whole pixels, and in the true ratio of 480 x 270 instead of 480 x 256.
    expected = (published['keypoints'] + 0.5) * (1, 270 / 256) - 0.5
    away = np.linalg.norm(expected[:, None] - found.points, axis=2)
    nearest = away.argmin(1)
    assert (away.min(1) < 2).mean() > 0.98
    ours = found.descriptors[nearest].astype(float)
    ours /= np.linalg.norm(ours, axis=1, keepdims=True)
    cosines = (ours * published['descriptors']).sum(1)
    assert (cosines > 0.99).mean() > 0.97


def test_both_backends_find_the_same(torch_detector, onnx_detector):
    pictures = [picture(0), picture(0.5), np.zeros((240, 320, 3), np.uint8)]
    for a, b in zip(torch_detector.detect(pictures), onnx_detector.detect(pictures), strict=True):
        assert a.size == b.size
        assert abs(len(a.points) - len(b.points)) <= 2
        if len(a.points):
            away = np.linalg.norm(a.points[:, None] - b.points, axis=2).min(1)
            assert (away < 0.01).mean() > 0.99


def test_batch_gives_each_picture_what_it_gets_alone(torch_detector):
    pictures = [picture(0), picture(1)[:, :200], picture(2)]
    for together, picture_ in zip(torch_detector.detect(pictures), pictures, strict=True):
        (alone,) = torch_detector.detect([picture_])
        assert together.size == alone.size
        away = np.linalg.norm(together.points[:, None] - alone.points, axis=2).min(1)
        assert (away < 0.01).mean() > 0.99


@settings(max_examples=12)
@given(st.integers(1, 2000), st.integers(1, 40), st.booleans(), st.booleans())
def test_picture_of_any_size_has_points_within_it(torch_detector, long, short, upright, blank):
    shape = (long, short, 3) if upright else (short, long, 3)
    noise = np.random.default_rng(long).integers(0, 256, shape, np.uint8)
    (found,) = torch_detector.detect([noise * np.uint8(not blank)])
    width, height = found.size
    assert max(width, height) == 480
    assert len(found.points) == len(found.descriptors) <= 1024
    assert found.descriptors.dtype == np.int8
    assert (found.points > -3).all()
    assert (found.points < np.array([width, height]) + 2).all()
    torch_detector.match(found, found)


def test_matches_are_mutual(torch_detector):
    a, b = torch_detector.detect([picture(0), picture(0.5)])
    forth, back = torch_detector.match(a, b), torch_detector.match(b, a)
    assert len(forth) > 50
    assert {tuple(pair) for pair in forth} == {tuple(pair) for pair in back[:, ::-1]}
    assert len(set(forth[:, 0])) == len(set(forth[:, 1])) == len(forth)


def test_keypoints_lie_between_pixels(torch_detector):
    """A picture that is moved by half a pixel moves its keypoints by as much."""
    (a,) = torch_detector.detect([picture(0)])
    fractions = np.abs(a.points[:, 0] - np.rint(a.points[:, 0]))
    assert fractions.mean() > 0.1


def test_exported_network_that_is_damaged_is_exported_anew(tmp_path, monkeypatch, caplog):
    pytest.importorskip('onnx')
    pytest.importorskip('onnxruntime')
    monkeypatch.setenv('VPR_WEIGHTS', str(tmp_path))
    xfeat_runner.xfeat_runner('onnx', 1)
    (path,) = tmp_path.glob('xfeat-*.onnx')
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    run = xfeat_runner.xfeat_runner('onnx', 1)
    assert 'exporting it anew' in caplog.text
    assert path.stat().st_size == len(whole)
    assert run(np.zeros((1, 1, 32, 64), np.float32)).keypoints.shape == (1, 32, 64)


def test_torch_computes_where_onnx_runtime_is_not_installed(monkeypatch):
    monkeypatch.setattr(xfeat_runner.importlib.util, 'find_spec', lambda name: None)
    run = xfeat_runner.xfeat_runner('auto', 1)
    assert run(np.zeros((2, 1, 32, 32), np.float32)).features.shape == (2, 64, 4, 4)
    with pytest.raises(ModelError, match=r'vpr_ros\[onnx\]'):
        xfeat_runner.xfeat_runner('onnx', 1)
