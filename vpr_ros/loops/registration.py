# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Registers a session on a map that it shares no frame with: places that both hold tell how.

Each recognised place gives a pose in both frames. The transform between the frames is the one that
most of them agree with; odometry that drifts is bent to them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.errors import MapFrameError
from vpr_ros.geometry import Pose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LEAST = 8
"""Recognised places that have to agree: a look-alike stretch is seldom longer."""
_SHARE = 0.6
"""Share of the recognised places that has to agree."""
_AGREES = 3.0
"""Metres within which a recognised place agrees: keyframes are up to 2 m apart, and lanes too."""
_DRIFT = 0.05
"""Drift of odometry, metres a metre; so much more may places differ that are further apart."""
_TURNED = np.pi / 6
"""Radians within which directions agree."""
_SMOOTH = 20.0
"""Metres of way over which corrections of drift are averaged."""


@dataclass(frozen=True, eq=False)
class Recognised:
    """A place of the session that was recognised in the map.

    Attributes:
        row: Of the place among the session's poses.
        pose: Of the robot there, in the map frame.
    """

    row: int
    pose: Pose


@dataclass(frozen=True, eq=False)
class Registration:
    """The poses of a session in the frame of a map.

    Attributes:
        poses: Of each place; None where it has none in the session either.
        sigmas: (N,) standard deviation of the positions, metres.
        recognised: Places that were recognised in the map.
        agreeing: Those of them that agree with the transform.
        residual: Median distance of the agreeing ones from where they were recognised, metres.
        bent: Greatest correction of drift, metres.
        beyond: Way of the place furthest from an agreeing one, metres.
    """

    poses: list[Pose | None]
    sigmas: Floats
    recognised: int
    agreeing: int
    residual: float
    bent: float
    beyond: float


def registered(poses: Sequence[Pose | None], found: Sequence[Recognised]) -> Registration:
    """Return the poses of a session in the frame of the map that places of it were recognised in.

    Args:
        poses: Of the session's places (N), in its own frame, in the order of the drive; z points
            up in both frames.
        found: Recognised places, in the order of the drive.

    Raises:
        MapFrameError: Too few were recognised, or too few of them agree.
    """
    found = [one for one in found if poses[one.row] is not None]
    way = _way(poses)
    theirs = [_known(poses[one.row]) for one in found]
    along = way[[one.row for one in found]]
    agreeing, transform = _consensus(theirs, [one.pose for one in found], along)
    if len(agreeing) < max(LEAST, _SHARE * len(found)):
        msg = (
            f'{len(found)} of {len(poses)} places were recognised in the map, and {len(agreeing)} '
            f'of these agree on one transform; at least {LEAST}, and {_SHARE:.0%} of those '
            'recognised, have to. The session must share a stretch with the map; light like that '
            'of the map, and shorter distances between places help'
        )
        raise MapFrameError(msg)
    moved = [None if pose is None else transform @ pose for pose in poses]
    rows = np.array([found[i].row for i in agreeing])
    offsets = np.array([found[i].pose.position for i in agreeing])
    offsets = offsets - np.array([_known(moved[row]).position for row in rows])
    near = way[rows]
    corrections = np.array([_smoothed(near, offsets, metres) for metres in way])
    apart = np.abs(way[:, None] - near).min(axis=1)
    residuals = np.linalg.norm(offsets - corrections[rows], axis=1)
    sigmas = np.hypot(max(float(np.sqrt(np.mean(residuals**2))), 0.1), _DRIFT * apart)
    bent = [
        None if pose is None else Pose.of(pose.position + shift, pose.orientation)
        for pose, shift in zip(moved, corrections, strict=True)
    ]
    return Registration(
        poses=bent,
        sigmas=sigmas,
        recognised=len(found),
        agreeing=len(agreeing),
        residual=float(np.median(residuals)),
        bent=float(np.linalg.norm(corrections, axis=1).max()),
        beyond=float(apart.max()),
    )


def _known(pose: Pose | None) -> Pose:
    if pose is None:
        msg = 'a place without a pose cannot be registered'
        raise ValueError(msg)
    return pose


def _way(poses: Sequence[Pose | None]) -> Floats:
    """Return the way (N,) to each place, metres; places without a pose are where the last was."""
    metres, last, way = 0.0, None, []
    for pose in poses:
        if pose is not None:
            metres += 0.0 if last is None else last.distance_to(pose)
            last = pose
        way.append(metres)
    return np.array(way)


def _consensus(theirs: list[Pose], ours: list[Pose], along: Floats) -> tuple[list[int], Pose]:
    """Return the pairs that agree with the transform that most agree with, and the transform.

    Every pair is tried: its turn about the vertical, and the shift that takes one to the other.
    """
    best: list[int] = []
    transform = Pose.identity()
    source = np.array([pose.position for pose in theirs]).reshape(-1, 3)
    target = np.array([pose.position for pose in ours]).reshape(-1, 3)
    turns = np.array([b.yaw - a.yaw for a, b in zip(theirs, ours, strict=True)])
    for i in range(len(theirs)):
        tried = _about_the_vertical(float(turns[i]), source[i], target[i])
        off = np.linalg.norm(source @ tried.rotation.T + tried.position - target, axis=1)
        allowed = _AGREES + _DRIFT * np.abs(along - along[i])
        turned = np.abs(np.angle(np.exp(1j * (turns - turns[i]))))
        agreeing = np.flatnonzero((off <= allowed) & (turned <= _TURNED))
        if len(agreeing) > len(best):
            best, transform = agreeing.tolist(), tried
    if len(best) >= LEAST:
        transform = _fitted(source[best], target[best], turns[best])
    return best, transform


def _fitted(source: Floats, target: Floats, turns: Floats) -> Pose:
    """Return the turn about the vertical and the shift that fit pairs (K, 3) best.

    Where they are close together, their directions tell the turn better than their positions.
    """
    middle, aim = source.mean(axis=0), target.mean(axis=0)
    a, b = (source - middle)[:, :2], (target - aim)[:, :2]
    # As complex numbers: the turn that brings one set on the other, with the directions as arms of
    # the length of the error of a position.
    products = np.sum(np.conj(a[:, 0] + 1j * a[:, 1]) * (b[:, 0] + 1j * b[:, 1]))
    return _about_the_vertical(
        float(np.angle(products + np.sum(_AGREES**2 * np.exp(1j * turns)))), middle, aim
    )


def _about_the_vertical(angle: float, start: Floats, end: Floats) -> Pose:
    """Return the turn about the vertical that takes one position to another."""
    turn = Pose.planar(0.0, 0.0, angle)
    return Pose.of(end - turn.rotation @ start, turn.orientation)


def _smoothed(near: Floats, offsets: Floats, metres: float) -> Floats:
    """Return the correction (3,) at a way by those (K, 3) at the ways of recognised places.

    The transform counts as one more recognised place without an offset, so that few of them, each
    some metre off, do not bend the session.
    """
    away = np.abs(near - metres)
    weights = np.exp(-0.5 * ((away - away.min()) / _SMOOTH) ** 2)
    return np.asarray(weights @ offsets / (1.0 + weights.sum()))
