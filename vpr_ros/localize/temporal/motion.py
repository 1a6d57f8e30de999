# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where the robot was at earlier images if it is at a place now, by odometry or by time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.geometry.pose import multiplied, rotation_of, wrapped, yaw_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vpr_ros.geometry import Pose
    from vpr_ros.localize.temporal.map_layout import Floats, MapLayout, Rows

    Bools = NDArray[np.bool_]

FLOOR = -1.5
"""Evidence against a place that the map has and that is no candidate of an image."""

_WAY_ERROR = 0.05
"""Error of a displacement by odometry, as a share of the way."""
_LEAST_REACH = 2.5
"""Metres between a place and a pose that still shows the same."""
_REACH = 1.5
"""The same, in distances of consecutive places."""
_PLACE_ERROR = 1 / 3
"""Error of a pose that shows a place, as a share of the reach."""
_ALIKE = np.pi / 4
"""Radians within which two poses face the same direction."""
_ABSURD = 1e7
"""Metres beyond which odometry is absurd; poses may be farther, see `pose.FARTHEST`."""
_FOLLOWED = 8
"""Earlier images whose candidates are rivals of those of the present one."""
_SPEEDS = np.array([0.5, 0.65, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0])
"""Shares of the speed of mapping."""


@dataclass(frozen=True, eq=False)
class Sight:
    """One image as the filter remembers it; candidates in the order of their evidence.

    Attributes:
        clock: Seconds since the reset in which the pictures changed.
        odometry: The base in a frame that drifts but does not jump, where it is known.
        ids: (K,) of the best candidates.
        evidence: (K,) log likelihood ratios of being there.
        similarities: (K,) of the image to them.
    """

    clock: float
    odometry: Pose | None
    ids: NDArray[np.int64]
    evidence: Floats
    similarities: Floats


def plausible(odometry: Pose | None) -> Pose | None:
    """Return odometry, or None where its position is absurd."""
    if odometry is None or not np.abs(odometry.position).max() < _ABSURD:
        return None
    return odometry


class ByOdometry:
    """Carries poses between the images of a window by odometry.

    Args:
        layout: Of the map.
        sights: W images with odometry, the present one last.
    """

    def __init__(self, layout: MapLayout, sights: Sequence[Sight]) -> None:
        self._layout = layout
        self._rows, self._evidence = _stacked(layout, sights)
        places = np.where(self._rows.T >= 0, layout.positions[self._rows].T, np.inf)
        self._places = places[:, :, None]
        self._found = np.empty((0, len(sights)), np.intp)
        poses = np.array([s.odometry.as_array() for s in sights if s.odometry is not None])
        self._odometry = poses
        rotation = rotation_of(poses[-1, 3:])
        self._steps = (poses[:, :3] - poses[-1, :3]) @ rotation
        self._turns = yaw_of(poses[:, 3:].T) - yaw_of(poses[-1, 3:])
        way = np.linalg.norm(np.diff(poses[:, :3], axis=0), axis=1)[::-1].cumsum()[::-1]
        reach = max(_REACH * layout.spacing, _LEAST_REACH)
        self._drifts = _WAY_ERROR * np.append(way, 0.0)
        self._reach = reach + self._drifts

    def at(self, rows: Rows) -> Floats:
        """Return the hypotheses (H, 7) that the robot is at places."""
        return self._layout.poses[rows]

    def followed(self, count: int) -> Floats:
        """Return the hypotheses that it was at the first candidates of an earlier image."""
        last = len(self._rows) - 1
        which = np.repeat(np.arange(max(last - _FOLLOWED, 0), last), count)
        rows = self._rows[max(last - _FOLLOWED, 0) : last, :count].ravel()
        return self._carried(which[rows >= 0], rows[rows >= 0])

    def evidence(self, hypotheses: Floats, weights: Floats) -> tuple[Floats, Bools]:  # noqa: ARG002
        """Return the evidence (H, W) of each image, and whether the ground there is unmapped."""
        evidence, self._found, unmapped = self._look(hypotheses)
        return evidence, unmapped

    def carried(self, best: int) -> tuple[Rows, Floats, Floats, Floats]:
        """Return the earlier images (M,) that saw a place of one hypothesis, and poses (M, 7).

        The poses are those of the robot now if each image was taken at the place it looks like;
        the other figures (M,) are the metres by which odometry may be wrong about the way since,
        and the share that is left of the information of the image.

        Args:
            best: Number of the hypothesis, of those whose evidence was asked for last.
        """
        found = self._found[best, :-1]
        images = np.flatnonzero(found >= 0)
        drifts = self._drifts[images]
        own = (self._reach[-1] * _PLACE_ERROR) ** 2
        poses = self._carried(images, self._rows[images, found[images]])
        return images, poses, drifts, own / (own + drifts**2)

    def together(self, hypotheses: Floats, count: int, radius: float) -> Bools:
        """Return which hypotheses (count, H) are the same place as each of the first."""
        offsets = hypotheses[:count, None, :3] - hypotheses[:, :3]
        yaws = yaw_of(hypotheses[:, 3:].T)
        near = np.einsum('khi,khi->kh', offsets, offsets) <= radius**2
        return np.asarray(near & _alike(yaws[:count, None] - yaws))

    def _look(self, hypotheses: Floats) -> tuple[Floats, Rows, Bools]:
        """Return evidence, column of the candidate or -1, and unmapped ground, each (H, W)."""
        layout, turns = self._layout, yaw_of(hypotheses[:, 3:].T)[:, None] + self._turns
        rotations = rotation_of(hypotheses[:, 3:].T)
        points = hypotheses[:, None, :3] + np.einsum('abh,wb->hwa', rotations, self._steps)
        # The candidates come first, and angles are compared where one is near: it is faster.
        squares = np.zeros((self._rows.shape[1], *turns.shape))
        for axis in range(3):
            offsets = points[:, :, axis] - self._places[axis]
            squares += offsets * offsets
        squares /= self._reach**2
        near = column, hypothesis, sight = np.nonzero(squares <= 1)
        yaws = layout.yaws[self._rows[sight, column]]
        alike = _alike(turns[hypothesis, sight] - yaws)
        values = np.full(squares.shape, -np.inf)
        evidence = self._evidence[sight, column] - 0.5 * squares[near]
        values[near] = np.where(alike, evidence, -np.inf)
        found = values.argmax(0)
        best = np.take_along_axis(values, found[None], 0)[0]
        unseen = np.isneginf(best)
        hypothesis, sight = np.nonzero(unseen)
        mapped = self._mapped(points[unseen], turns[unseen], self._reach[sight])
        best[hypothesis, sight] = np.where(mapped, FLOOR, 0.0)
        unmapped = np.zeros(best.shape, np.bool_)
        unmapped[hypothesis, sight] = ~mapped
        return np.maximum(best, FLOOR), np.where(unseen, -1, found), unmapped

    def _carried(self, images: Rows, rows: Rows) -> Floats:
        """Return the present poses (M, 7) if the robot was at places (M,) at images (M,)."""
        places, then = self._layout.poses[rows], self._odometry[images]
        back = then[:, 3:].T * np.array([[-1.0], [-1.0], [-1.0], [1.0]])
        turns = multiplied(places[:, 3:].T, back)
        offsets = self._odometry[-1, :3] - then[:, :3]
        moved = np.einsum('abm,mb->ma', rotation_of(turns), offsets)
        now = multiplied(turns, np.repeat(self._odometry[-1:, 3:].T, len(rows), 1))
        return np.concatenate([places[:, :3] + moved, now.T], axis=1)

    def _mapped(self, points: Floats, yaws: Floats, reach: Floats) -> Bools:
        """Return whether the map has a place that looks the same way within reach of points."""
        mapped = np.zeros(len(points), np.bool_)
        if len(points):
            who, rows = self._layout.pairs(points, float(reach.max()))
            distances = np.linalg.norm(points[who] - self._layout.positions[rows], axis=1)
            near = (distances <= reach[who]) & _alike(yaws[who] - self._layout.yaws[rows])
            mapped[who[near]] = True
        return mapped


class BySeconds:
    """Carries the robot along the mapped path, at the speed of mapping times a constant.

    Args:
        layout: Of the map.
        sights: W images, the present one last.
    """

    def __init__(self, layout: MapLayout, sights: Sequence[Sight]) -> None:
        self._layout, self._way = layout, layout.by_seconds
        self._rows, self._evidence = _stacked(layout, sights)
        self._along = self._way.along[self._rows]
        clocks = np.array([sight.clock for sight in sights])
        self._back = clocks[-1] - clocks
        self._reach = np.maximum(self._way.reach, _WAY_ERROR * self._back)

    def at(self, rows: Rows) -> Floats:
        """Return the hypotheses (H,) that the robot is at places: coordinates along the path."""
        return np.asarray(self._way.along[rows])

    def followed(self, count: int) -> Floats:
        """Return the hypotheses that it was at the first candidates of an earlier image."""
        last = len(self._rows) - 1
        part = slice(max(last - _FOLLOWED, 0), last)
        carried = self._along[part, :count] + self._back[part, None]
        return np.asarray(carried[self._rows[part, :count] >= 0])

    def evidence(self, hypotheses: Floats, weights: Floats) -> tuple[Floats, Bools]:
        """Return the evidence (H, W) of each image, and whether the path there is unmapped.

        It is that at the speed with the greatest weighted sum.
        """
        wanted = hypotheses[:, None] - _SPEEDS[:, None, None] * self._back
        # The candidates come first, and nothing is copied: this takes most of a step's time.
        along = np.where(self._rows >= 0, self._along, np.inf) / self._reach[:, None]
        values = wanted / self._reach - along.T[:, None, None]
        values *= values
        far = values > 1
        values *= -0.5
        values += self._evidence.T[:, None, None]
        values[far] = -np.inf
        best = values.max(0)
        unseen = np.isneginf(best)
        images = np.broadcast_to(np.arange(len(weights)), best.shape)[unseen]
        rows = self._way.nearest(wanted[unseen])
        mapped = np.abs(self._way.along[rows] - wanted[unseen]) <= self._reach[images]
        best[unseen] = np.where(mapped, FLOOR, 0.0)
        best = np.maximum(best, FLOOR)
        unmapped = np.zeros(best.shape, np.bool_)
        unmapped[unseen] = ~mapped
        which = (best @ weights).argmax(0), np.arange(len(hypotheses))
        return best[which], unmapped[which]

    def carried(self, best: int) -> tuple[Rows, Floats, Floats, Floats]:  # noqa: ARG002
        """Return nothing: time is too inexact to carry poses by."""
        none = np.empty(0)
        return np.empty(0, np.intp), np.empty((0, 7)), none, none

    def together(self, hypotheses: Floats, count: int, radius: float) -> Bools:
        """Return which hypotheses (count, H) are the same place as each of the first."""
        positions = self._layout.positions[self._way.nearest(hypotheses)]
        offsets = positions[:count, None] - positions
        return np.asarray(np.einsum('khi,khi->kh', offsets, offsets) <= radius**2)


def _alike(turns: Floats) -> Bools:
    """Return whether angles are small, whole turns aside."""
    return np.asarray(np.abs(wrapped(turns)) <= _ALIKE)


def _stacked(layout: MapLayout, sights: Sequence[Sight]) -> tuple[Rows, Floats]:
    """Return rows (W, K), -1 where there is none, and evidence of the candidates of images."""
    counts = np.array([len(sight.ids) for sight in sights])
    taken = np.arange(counts.max()) < counts[:, None]
    rows, evidence = np.full(taken.shape, -1, np.intp), np.full(taken.shape, -np.inf)
    rows[taken] = layout.rows_of(np.concatenate([sight.ids for sight in sights]))
    evidence[taken] = np.concatenate([sight.evidence for sight in sights])
    return rows, evidence
