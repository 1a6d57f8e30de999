# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The weak spots of a map, told from the map alone, before a robot meets them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.inputs.frames.information import emptiness
from vpr_ros.inputs.frames.thumbnail_codec import decode_thumbnail
from vpr_ros.search.self_similarity import Traverses
from vpr_ros.search.window import Nearby

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from vpr_ros.maps import PlaceMap
    from vpr_ros.search.self_similarity import SelfSimilarity

    Floats = NDArray[np.float64]
    Rows = NDArray[np.intp]

_GAP, _LEAST_GAP = 3.0, 2.5
"""Times the median spacing of a traverse, and metres, from which a step is a gap."""
_SLACK = 5
"""Places between two look-alike ones of one stretch."""
_GOOD, _FAIR = 4.0, 3.0
"""Least median distinctness of a map whose places are well told apart, or fairly."""


@dataclass(frozen=True)
class LookAlikes:
    """Two stretches of a map that a robot may take for each other.

    Attributes:
        places: First and last id of one stretch.
        resembles: First and last id of the other.
        count: Places that are more similar to one of the other stretch than to those beside them.
        similarity: The highest between the two.
        metres: Between the two most similar places, NaN where one has no pose.
    """

    places: tuple[int, int]
    resembles: tuple[int, int]
    count: int
    similarity: float
    metres: float


@dataclass(frozen=True)
class BlankPlace:
    """A place whose thumbnail shows nothing.

    Attributes:
        place: Its id.
        reason: Why, in words.
    """

    place: int
    reason: str


@dataclass(frozen=True)
class Gap:
    """A step of a traverse that is far longer than the others, with no place between.

    Attributes:
        before: Id of the last place before it.
        after: Id of the first place after it.
        metres: Its length.
        spacing: Median step of the traverse, metres.
        middle: Its middle in the map frame, metres.
    """

    before: int
    after: int
    metres: float
    spacing: float
    middle: tuple[float, float, float]


@dataclass(frozen=True)
class MapHealth:
    """The weak spots of a map.

    Attributes:
        places: Number of places.
        examined: How many were examined for look-alikes and blanks, all or an even sample.
        look_alikes: Stretches that resemble each other, those of most places first.
        blank: Examined places whose thumbnails show nothing.
        unseen: Examined places that have no thumbnail, which may be blank or not.
        gaps: The longest first.
        poseless: Places without a pose.
        distinctness: Median over the examined places of how many deviations the similarity to the
            places beside a place is above that to places elsewhere; NaN where it cannot be said.
        least_distinctness: The 5 % quantile of the same.
    """

    places: int
    examined: int
    look_alikes: tuple[LookAlikes, ...]
    blank: tuple[BlankPlace, ...]
    unseen: int
    gaps: tuple[Gap, ...]
    poseless: int
    distinctness: float
    least_distinctness: float

    @property
    def distinct(self) -> str:
        """How well the places are told apart: good, fair, poor or unknown."""
        if np.isnan(self.distinctness):
            return 'unknown'
        if self.distinctness < _FAIR:
            return 'poor'
        return 'good' if self.distinctness >= _GOOD else 'fair'

    @property
    def healthy(self) -> bool:
        """Whether nothing was found; a map without any pose was meant to be so."""
        found = self.look_alikes or self.blank or self.gaps or 0 < self.poseless < self.places
        return not found and self.distinct != 'poor'


def map_health(
    place_map: PlaceMap,
    similarity: SelfSimilarity,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> MapHealth:
    """Find the weak spots of a map.

    Args:
        place_map: The map.
        similarity: Of the map; its places are examined.
        progress: Told how many thumbnails are looked at, and of how many.

    Raises:
        MapError: A thumbnail is damaged.
        ImageError: A thumbnail is not a JPEG.
    """
    columns, rows = place_map.snapshot.columns, similarity.rows
    blank, unseen = [], 0
    for done, place in enumerate(columns.ids[rows].tolist(), start=1):
        jpeg = place_map.thumbnail(place)
        if jpeg is None:
            unseen += 1
        elif reason := emptiness(decode_thumbnail(jpeg)):
            blank.append(BlankPlace(place, reason))
        progress(done, len(rows))
    known = similarity.distinctness[~np.isnan(similarity.distinctness)]
    low, median = np.quantile(known, [0.05, 0.5]).tolist() if len(known) else (np.nan, np.nan)
    return MapHealth(
        places=len(place_map),
        examined=len(rows),
        look_alikes=_look_alikes(place_map, similarity),
        blank=tuple(blank),
        unseen=unseen,
        gaps=_gaps(place_map),
        poseless=int(np.isnan(columns.poses[:, 0]).sum()),
        distinctness=median,
        least_distinctness=low,
    )


def resembling(similarity: SelfSimilarity) -> NDArray[np.bool_]:
    """Return which examined places (M,) resemble one elsewhere unusually.

    That is at least as similar as the places beside, and as a quarter of the map's places are to
    those beside them: where the view changes at each step, anything resembles it as much.
    """
    beside = similarity.beside[~np.isnan(similarity.beside)]
    usual = np.quantile(beside, 0.25) if len(beside) else np.nan
    # NaN compares as not similar.
    return np.asarray(similarity.elsewhere >= np.fmax(similarity.beside, usual))


def _look_alikes(place_map: PlaceMap, similarity: SelfSimilarity) -> tuple[LookAlikes, ...]:
    """Group places and those that they resemble, where both follow each other in a traverse."""
    columns = place_map.snapshot.columns
    traverses = Traverses.of(columns.sessions, columns.cameras)
    alike = resembling(similarity)
    pairs = np.stack([similarity.rows[alike], similarity.matches[alike]], axis=1)
    similarities = similarity.elsewhere[alike]
    # A pair is the same from either end.
    pairs.sort(axis=1)
    slack = _SLACK * max(1, round(len(place_map) / max(1, len(similarity.rows))))
    stretches = []
    for members in _chained(traverses.numbers[pairs], traverses.indices[pairs], slack):
        ends, best = pairs[members], members[similarities[members].argmax()]
        ids = columns.ids[ends]
        offset = columns.poses[pairs[best, 0], :3] - columns.poses[pairs[best, 1], :3]
        stretches.append(
            LookAlikes(
                (int(ids[:, 0].min()), int(ids[:, 0].max())),
                (int(ids[:, 1].min()), int(ids[:, 1].max())),
                len(members),
                float(similarities[best]),
                float(np.linalg.norm(offset)),
            )
        )
    return tuple(sorted(stretches, key=lambda each: (-each.count, -each.similarity, each.places)))


def _chained(numbers: Rows, indices: Rows, slack: int) -> list[Rows]:
    """Return groups of pairs that follow each other within some places at both ends.

    Args:
        numbers: Traverse (P, 2) of each end of a pair.
        indices: Place (P, 2) of each end in its traverse.
        slack: Places between two pairs of a group.
    """
    left, groups = np.ones(len(numbers), np.bool_), []
    for start in range(len(numbers)):
        if not left[start]:
            continue
        left[start] = False
        group, new = [start], [start]
        while new:
            at = new.pop()
            near = left & (numbers == numbers[at]).all(axis=1)
            near &= (np.abs(indices - indices[at]) <= slack).all(axis=1)
            found = np.flatnonzero(near).tolist()
            left[found] = False
            group += found
            new += found
        groups.append(np.array(sorted(group), np.intp))
    return groups


def _gaps(place_map: PlaceMap) -> tuple[Gap, ...]:
    """Find long steps of traverses whose middle no other place covers."""
    snapshot = place_map.snapshot
    columns, nearby = snapshot.columns, Nearby()
    numbers = Traverses.of(columns.sessions, columns.cameras).numbers
    posed = ~np.isnan(columns.poses[:, 0])
    gaps: list[Gap] = []
    for number in np.unique(numbers[posed]).tolist():
        rows = np.flatnonzero(posed & (numbers == number))
        positions = np.asarray(columns.poses[rows, :3], np.float64)
        steps = np.linalg.norm(np.diff(positions, axis=0), axis=1)
        spacing = float(np.median(steps)) if len(steps) else 0.0
        least = max(_GAP * spacing, _LEAST_GAP)
        for at in np.flatnonzero(steps > least).tolist():
            middle = (positions[at] + positions[at + 1]) / 2
            # Another traverse fills it, or another camera has the same gap.
            filled = len(nearby.in_frame(snapshot, middle, least / 2)) or any(
                np.linalg.norm(middle - each.middle) < least / 2 for each in gaps
            )
            if not filled:
                x, y, z = middle.tolist()
                before, after = columns.ids[rows[at : at + 2]].tolist()
                gaps.append(Gap(before, after, float(steps[at]), spacing, (x, y, z)))
    return tuple(sorted(gaps, key=lambda gap: -gap.metres))
