# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from calibration_sample import sample_calibration
from candidates_sample import sample_candidates
from pictures import blocks

from vpr_ros.localize import Localizer, Prior, Status


class Finder:
    """Describes and finds always the same."""

    def __init__(self, *rows):
        self._rows = rows

    def describe(self, images):
        return [None for _ in images]

    def search(self, *_, **__):
        return sample_candidates(*self._rows)


def localize(prior, *rows):
    finder = Finder(*rows)
    localizer = Localizer(finder, finder, calibration=sample_calibration())
    frame = SimpleNamespace(stamp=1, rgb=PICTURE, camera='')
    (result,) = localizer.localize_all([frame], prior=prior)
    return result


PICTURE = blocks()
NEAR_LAMP, FAR_LAMP, WALL = (1, 0.89, 7.0), (2, 0.9, 100.0), (3, 0.1, 50.0)


def test_prior_tells_look_alikes_apart():
    assert localize(None, FAR_LAMP, NEAR_LAMP, WALL).decision.status == Status.AMBIGUOUS
    result = localize(Prior(np.zeros(2), 60), FAR_LAMP, NEAR_LAMP, WALL)
    assert result.decision.status == Status.ACCEPTED
    assert result.candidates.ids.tolist() == [1, 3]
    assert not result.contradicted


def test_certain_place_outside_is_passed_over_and_reported():
    result = localize(Prior(np.zeros(2), 60), FAR_LAMP, WALL)
    assert result.contradicted
    assert result.decision.status != Status.ACCEPTED


def test_nothing_inside_is_no_answer():
    result = localize(Prior(np.full(2, 1e4), 60), FAR_LAMP, WALL)
    assert result.decision.status == Status.NO_MAP
    assert len(result.candidates) == 0


def test_circle_is_as_wide_as_the_fix_is_uncertain():
    covariance = np.diag([4.0, 1.0, 9.0, 1.0, 1.0, 1.0])
    prior = Prior.around(np.array([1.0, 2.0, 3.0]), covariance, 10.0)
    assert prior.radius == pytest.approx(10 + 3 * 2)
    assert prior.centre.tolist() == [1.0, 2.0]


def test_place_without_a_pose_may_be_inside():
    assert Prior(np.zeros(2), 1.0).admits(np.full((1, 7), np.nan)).all()
