# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Loops held against the ones before them."""

import math

import cv2
import numpy as np
import pytest

from vpr_ros.geometry import Pose
from vpr_ros.loops.consistency import Closure, End, LastClosures

LAP = 200.0
RADIUS = LAP / (2 * math.pi)
COVARIANCE = np.diag(np.square([0.2] * 3 + [0.01] * 3))


def on_ring(metres, aside=0.0):
    """Return where a robot is on its round, facing ahead."""
    turn = metres / RADIUS
    r = RADIUS - aside
    return Pose.planar(r * math.cos(turn), r * math.sin(turn), turn + math.pi / 2)


def closure(earlier, later, shown=None, odometry=None):
    """Close a loop of metres along the way to metres along it, where the later picture was made.

    Args:
        earlier: End on the first round.
        later: End on the second, a metre aside.
        shown: Where the picture really was made; `later` where it does not lie.
        odometry: Made of the pose at the later end.
    """
    seen = on_ring(later if shown is None else shown, aside=1.0)
    believed = on_ring(later, aside=1.0)
    start = on_ring(earlier)
    moved = believed if odometry is None else odometry @ believed
    return Closure(End(start, earlier), End(moved, later), start.inverse() @ seen, COVARIANCE)


def admitted(closures):
    last = LastClosures()
    return [last.admit(each) for each in closures]


@pytest.mark.parametrize('metres', [0.0, 2.0, 10.0])
def test_loops_along_the_same_way_agree_whatever_odometry_drifted_to(metres):
    drift = Pose.of((40, -30, 2), (0.1, 0.0, 0.9, 0.4))
    first = closure(0, LAP + 1, odometry=drift)
    assert first.agrees(closure(metres, LAP + metres, odometry=drift))


def test_picture_that_got_a_later_stamp_is_refused_and_the_next_is_not():
    # A driver hands out, after a pause, what it held before it.
    way = [(2 * i, LAP + 2 * i, None) for i in range(6)]
    way += [(12, LAP + 21, LAP + 12), (22, LAP + 23, None), (24, LAP + 25, None)]
    assert admitted(closure(*ends) for ends in way) == [True] * 6 + [False] + [True] * 2


def test_wrong_loop_that_came_first_costs_one_right_loop_and_no_more():
    way = [(0, LAP, LAP + 9), (2, LAP + 2), (4, LAP + 4), (6, LAP + 6)]
    wrong, *right = (closure(*ends) for ends in way)
    assert admitted([wrong, *right]) == [True, False, True, True]


def test_ends_one_lap_apart_say_nothing_however_near_odometry_that_drifted_puts_them():
    first, second = closure(2, 2 * LAP + 2), closure(LAP + 4, 2 * LAP + 4)
    drifted = End(Pose.of((5, 0, 0)) @ second.earlier.pose, LAP + 4)
    moved = Closure(drifted, second.later, second.measured, COVARIANCE)
    assert first.agrees(moved) is None


@pytest.mark.parametrize(('earlier', 'later'), [(60, LAP + 2), (2, LAP + 60)])
def test_loops_that_are_far_from_each_other_at_an_end_say_nothing(earlier, later):
    lie = closure(0, LAP, shown=LAP + 9)
    assert lie.agrees(closure(earlier, later)) is None
    assert admitted([lie, closure(earlier, later)]) == [True, True]


def test_errors_as_large_as_was_told_are_admitted_999_times_of_1000():
    rng = np.random.default_rng(3)

    def err(pose, sigma_metres, sigma_radians):
        turn = cv2.Rodrigues(rng.normal(0, sigma_radians, 3))[0]
        matrix = turn @ pose.rotation
        axis = cv2.Rodrigues(matrix)[0][:, 0]
        angle = np.linalg.norm(axis)
        q = (*(axis / angle * math.sin(angle / 2)), math.cos(angle / 2))
        return Pose.of(pose.position + rng.normal(0, sigma_metres, 3), q)

    refused = 0
    rounds = 3000
    first, second = closure(0, LAP + 15), closure(15, LAP + 2)
    ways = [
        (one.pose.inverse() @ other.pose, abs(other.travelled - one.travelled))
        for one, other in ((first.earlier, second.earlier), (first.later, second.later))
    ]
    for _ in range(rounds):
        before, after = (err(way, 0.05 * metres, 0.05) for way, metres in ways)
        a = Closure(first.earlier, first.later, err(first.measured, 0.2, 0.01), COVARIANCE)
        b = Closure(
            End(first.earlier.pose @ before, second.earlier.travelled),
            End(first.later.pose @ after, second.later.travelled),
            err(second.measured, 0.2, 0.01),
            COVARIANCE,
        )
        refused += not a.agrees(b)
    assert refused <= 0.003 * rounds
