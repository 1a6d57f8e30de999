# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which positions on Earth of a folder of images are not believed."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.geometry.geodesy import is_null_island, surface_positions
from vpr_ros.inputs.poses.fix_agreement import MAX_SPAN, MAX_SPEED
from vpr_ros.stamps import SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vpr_ros.geometry import Datum
    from vpr_ros.inputs.folders.folder_format import PosedImage

_FIRST = 12
"""Images among which a false start is looked for."""
_START = 5
"""Images that it may have at most."""
_JUMP, _TIMES = 100.0, 10.0
"""Metres from a false start to the rest, at least; and times the longest step of the rest."""
_TIMED = 10**18
"""Nanoseconds, in 2001: smaller stamps are no times."""

NULL_ISLAND = 'their position is latitude 0, longitude 0, as devices write for an unknown one'
FALSE_START = 'the images after them contradict their position: a receiver that had just started'
STRAY = 'the images before and after them contradict their position'
FAR_AWAY = f'their position lies more than {MAX_SPAN / 1e3:.0f} km from the others'


def without_null_island(images: Sequence[PosedImage]) -> list[PosedImage]:
    """Return the images, those at latitude 0 and longitude 0 without this position."""
    null = [image.geo and is_null_island(image.geo.lat, image.geo.lon) for image in images]
    return [
        _without(image, NULL_ISLAND) if at_null else image
        for image, at_null in zip(images, null, strict=True)
    ]


def believed(images: Sequence[PosedImage], datum: Datum | None = None) -> list[PosedImage]:
    """Return the images of one session, those whose position is not believed without it.

    Not believed are latitude 0 with longitude 0, positions farther from the others than any
    session, those of the first images where later ones contradict them, and single ones that no
    vehicle reaches from the one before and leaves for the one after. Positions without a height
    have that of the ones before, or of the first that has one.

    Args:
        images: In order.
        datum: Of the map, if it has one.
    """
    checked = _with_heights(without_null_island(images))
    placed = [(i, image.geo) for i, image in enumerate(checked) if image.geo is not None]
    if not placed:
        return checked

    def refuse(rows: NDArray[np.intp], why: str) -> None:
        for row in rows.tolist():
            checked[row] = _without(checked[row], why)

    rows = np.array([i for i, _ in placed])
    points = surface_positions(*np.array([[at.lat, at.lon] for _, at in placed]).T)
    if datum is None:
        middle = np.median(points, axis=0)
        middle = points[np.linalg.norm(points - middle, axis=1).argmin()]
    else:
        middle = surface_positions(np.array([datum.lat]), np.array([datum.lon]))[0]
    far = np.linalg.norm(points - middle, axis=1) > MAX_SPAN
    refuse(rows[far], FAR_AWAY)
    rows, points = rows[~far], points[~far]
    stamps = np.array([images[i].stamp for i in rows], np.int64)
    refuse(rows[_strays(points, stamps)], STRAY)
    refuse(rows[: _false_start(points[:_FIRST], stamps[:_FIRST])], FALSE_START)
    return checked


def _with_heights(images: list[PosedImage]) -> list[PosedImage]:
    heights = [image.geo.alt for image in images if image.geo and not math.isnan(image.geo.alt)]
    height = heights[0] if heights else math.nan
    found = []
    for image in images:
        if image.geo is not None and not math.isnan(image.geo.alt):
            height = image.geo.alt
        elif image.geo is not None and heights:
            image = replace(image, geo=replace(image.geo, alt=height))  # noqa: PLW2901
        found.append(image)
    return found


def _strays(points: NDArray[np.float64], stamps: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return which of some positions (N, 3) those before and after contradict."""
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    seconds = np.diff(stamps) / SECOND
    # Images without times are counted, in the order of their names, and say nothing of the speed.
    timed = (stamps[:-1] > _TIMED) & (seconds > 0)
    fast = timed & (steps > _JUMP + MAX_SPEED * seconds)
    over = np.linalg.norm(points[2:] - points[:-2], axis=1)
    calm = over <= _JUMP + MAX_SPEED * (seconds[1:] + seconds[:-1])
    return np.flatnonzero(fast[1:] & fast[:-1] & calm) + 1


def _without(image: PosedImage, why: str) -> PosedImage:
    """Return an image without its position on Earth, and so without a pose if it has no other."""
    if image.pose is not None:
        return replace(image, geo=None)
    return replace(image.without_pose(), left_out=why)


def _false_start(points: NDArray[np.float64], stamps: NDArray[np.int64]) -> int:
    """Return how many of the first positions (N, 3) the later ones contradict; 0 for none."""
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    if len(steps) < _START:
        return 0
    at = int(steps.argmax())
    others = np.delete(steps, at).max()
    fast = steps[at] > MAX_SPEED * max(np.diff(stamps)[at] / SECOND, 0)
    if at < min(_START, len(steps) - 2) and fast and steps[at] > max(_JUMP, _TIMES * others):
        return at + 1
    return 0
