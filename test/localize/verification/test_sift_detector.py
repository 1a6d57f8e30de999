# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from textured_boards import World

from vpr_ros.geometry import Pose
from vpr_ros.geometry.two_view import relate
from vpr_ros.localize.verification import SiftDetector


def picture(x, world=1):
    return World(world).seen_from(Pose.planar(x, 0, 0))


def agreeing(detector, first, second):
    a, b = detector.detect([first, second])
    matches = detector.match(a, b)
    return relate(a.points[matches[:, 0]], b.points[matches[:, 1]], a.size).inliers


@pytest.mark.parametrize('sift', [True, False])
def test_features_of_the_same_place_agree_and_those_of_another_do_not(sift):
    detector = SiftDetector(sift=sift)
    assert agreeing(detector, picture(0), picture(0.1)) >= detector.rule.least
    assert agreeing(detector, picture(0), picture(0, 3)) < detector.rule.least


@pytest.mark.parametrize('sift', [True, False])
def test_picture_of_nothing_has_no_features_and_matches_nothing(sift):
    detector = SiftDetector(sift=sift)
    nothing, something = detector.detect([np.zeros((50, 60, 3), np.uint8), picture(0)])
    assert len(nothing.points) == 0
    assert len(detector.match(something, nothing)) == len(detector.match(nothing, something)) == 0


def test_every_feature_of_the_place_is_matched_at_most_once():
    detector = SiftDetector()
    a, b = detector.detect([picture(0), picture(0.5)])
    matches = detector.match(a, b, 0.99)
    assert len(set(matches[:, 1])) == len(matches) > 20
