# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A scenario: the frames that a robot gets in one state, and the map that it has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.evaluation.dead_reckoning import dead_reckoned

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from vpr_ros.evaluation.dead_reckoning import OdometryErrors
    from vpr_ros.evaluation.stress.recording import Recording, Shot
    from vpr_ros.geometry import Pose

    Mask = NDArray[np.bool_]

_OFF_THE_WAY = 10.0
"""Metres from the traverse beyond which a place does not belong to it."""
_PAIRS = 1 << 20
"""Places times poses of the traverse compared at once."""


@dataclass(eq=False)
class StressFrame:
    """A picture as it reaches the robot.

    Attributes:
        stamp: Nanoseconds.
        shot: The picture.
        truth: True pose in the frame of the map; None where every answer is wrong.
        odometry: In a frame that drifts, None where there is none.
        counted: Whether its answer counts; the frames that lead into a state do not.
        carried: Whether the robot was carried here since the frame before.
        camera: Empty: there is one camera.
    """

    stamp: int
    shot: Shot
    truth: Pose | None
    odometry: Pose | None
    counted: bool = True
    carried: bool = False
    camera: str = ''

    @property
    def rgb(self) -> NDArray[np.uint8]:
        """The picture (H, W, 3) RGB."""
        return self.shot.rgb


@dataclass(frozen=True, eq=False)
class Scenario:
    """One state.

    Attributes:
        runs: Of frames; temporal filters begin anew with each.
        kept: (N,) which places the map has; None for all.
        copied: (N,) which places the map has a second time, far away; None for none.
        needs_odometry: Whether it says something only where odometry is used.
        place_only: Whether an answer is judged by its place alone, not by the published pose.
    """

    runs: tuple[tuple[StressFrame, ...], ...]
    kept: Mask | None = None
    copied: Mask | None = None
    needs_odometry: bool = False
    place_only: bool = False


def driven(
    recording: Recording,
    rows: Sequence[int],
    *,
    shots: Sequence[Shot] | None = None,
    lead: int = 0,
    carried: Collection[int] = (),
    blind: bool = False,
    errors: OdometryErrors | None = None,
) -> tuple[StressFrame, ...]:
    """Return the frames of a drive along some poses of a traverse.

    Stamps go on as in the traverse, and by its median interval where the rows jump.

    Args:
        recording: The traverse.
        rows: Of the traverse, one for each frame.
        shots: One for each frame; those of the rows by default.
        lead: First frames that do not count.
        carried: Numbers of the frames to which the robot was carried.
        blind: Whether the frames that count show nothing, so that every answer is wrong.
        errors: Of the odometry.
    """
    pictures = [recording.shots[row] for row in rows] if shots is None else shots
    truths = [recording.truths[row] for row in rows] if recording.truths else None
    odometry = dead_reckoned(truths, carried, errors) if truths else [None] * len(rows)
    stamp = int(recording.stamps[rows[0]])
    frames = []
    for i, row in enumerate(rows):
        if i:
            onward = row == rows[i - 1] + 1
            step = int(recording.stamps[row] - recording.stamps[row - 1]) if onward else 0
            stamp += step if step > 0 else recording.interval
        truth = None if truths is None or (blind and i >= lead) else truths[i]
        frames.append(StressFrame(stamp, pictures[i], truth, odometry[i], i >= lead, i in carried))
    return tuple(frames)


def metres_along(recording: Recording, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far along a traverse places lie (N,), metres; NaN for those that lie elsewhere.

    Args:
        recording: The traverse.
        places: (N, 7) poses.
    """
    positions = np.array([pose.position for pose in recording.truths])
    along = np.full(len(places), np.nan)
    count = max(1, _PAIRS // len(positions))
    for start in range(0, len(places), count):
        block = places[start : start + count, None, :3]
        away = np.nan_to_num(np.linalg.norm(block - positions, axis=-1), nan=np.inf)
        nearest = away.argmin(axis=1)
        near = away.min(axis=1) <= _OFF_THE_WAY
        along[start : start + count][near] = recording.way[nearest[near]]
    return along
