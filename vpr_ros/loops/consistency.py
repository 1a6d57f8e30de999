# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pairwise consistency of loop closures with odometry.

Two loops and the odometry between their ends form a ring: one chain of poses from the first loop's
earlier end to the second one's later end leads over the first loop, the other over the second, and
both must end at the same pose. Where they do not, a loop is wrong: another place looks alike, or
an image was delayed in a driver and got a later stamp. (Mangelson and others, Pairwise Consistent
Measurement Set Maximization for Robust Multi-robot Map Merging, ICRA 2018, eq. 3 and 4.)
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpr_ros.geometry import Pose

_REACH = 20.0
"""Metres travelled over which odometry is accurate enough; loops farther apart at either end are
not compared."""
_WAY_SIGMA = 0.05
"""Standard deviation of odometry, as a share of the distance, and of its heading in radians; the
same as in verification."""
_REMEMBERED = 20
"""Loops kept, enough where the earlier ends alternate between laps."""
_GATE = 22.46
"""Quantile 99.9 % of chi-square with six degrees of freedom."""


@dataclass(frozen=True, eq=False)
class End:
    """One end of a loop.

    Attributes:
        pose: Of the base, by the pose source.
        travelled: Metres travelled.
    """

    pose: Pose
    travelled: float


@dataclass(frozen=True, eq=False)
class Closure:
    """A loop with a measured transform.

    Attributes:
        earlier: End of the loop.
        later: Its other end.
        measured: Pose of the base at the later end in that at the earlier one.
        covariance: (6, 6) of x, y, z and the rotations about the fixed axes of the earlier base.
    """

    earlier: End
    later: End
    measured: Pose
    covariance: NDArray[np.float64]

    def agrees(self, other: Closure) -> bool | None:
        """Return whether another loop is consistent; None if it is too far away to compare."""
        if not (_near(self.earlier, other.earlier) and _near(self.later, other.later)):
            return None
        there, spread = _chained((self.measured, self.covariance), _way(self.later, other.later))
        way = _way(self.earlier, other.earlier)
        here, also = _chained(way, (other.measured, other.covariance))
        turn = cv2.Rodrigues((here @ there.inverse()).rotation)[0][:, 0]
        off = np.concatenate([here.position - there.position, turn])
        return bool(off @ np.linalg.solve(spread + also, off) <= _GATE)


class LastClosures:
    """The last loops with a transform, which the next one must be consistent with.

    Consistency with one of the last two comparable loops suffices, so that a wrong loop rejects
    no other, or one where it was the first.
    """

    def __init__(self) -> None:
        self._last: deque[Closure] = deque(maxlen=_REMEMBERED)

    def admit(self, closure: Closure) -> bool:
        """Add a loop; return whether one of the last is consistent, or none is comparable."""
        judged = (last.agrees(closure) for last in reversed(self._last))
        known = list(islice((agrees for agrees in judged if agrees is not None), 2))
        self._last.append(closure)
        return any(known) or not known


_Uncertain = tuple['Pose', 'NDArray[np.float64]']


def _near(one: End, other: End) -> bool:
    return abs(other.travelled - one.travelled) <= _REACH


def _way(start: End, end: End) -> _Uncertain:
    """Return the pose of an end in another by odometry, with its covariance."""
    metres = abs(end.travelled - start.travelled)
    sigmas = [_WAY_SIGMA * metres] * 3 + [_WAY_SIGMA] * 3
    return start.pose.inverse() @ end.pose, np.diag(np.square(sigmas))


def _chained(first: _Uncertain, second: _Uncertain) -> _Uncertain:
    """Return one transform after another; rotations err about the parent's fixed axes."""
    pose = first[0] @ second[0]
    lever = np.eye(6)
    lever[:3, 3:] = np.cross(pose.position - first[0].position, np.eye(3))
    turn = np.kron(np.eye(2), first[0].rotation)
    return pose, lever @ first[1] @ lever.T + turn @ second[1] @ turn.T
