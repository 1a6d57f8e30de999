# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Checks of data sets whose image names carry UTM coordinates."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.evaluation.dataset_findings import ERROR, NOTE, WARNING, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vpr_ros.evaluation.dataset_findings import Subject
    from vpr_ros.evaluation.metrics import Floats

_FIELDS = 16
"""Parts of a complete name between and around its 15 @."""
_EAST, _NORTH = (100_000.0, 900_000.0), (0.0, 10_000_000.0)
"""Metres that UTM coordinates on Earth lie within."""


def _unreadable_names(what: Subject) -> Iterator[Finding]:
    for title, paths in what.sets:
        bad = [path for path in paths if path not in what.names]
        if bad:
            yield Finding(
                ERROR,
                'name-without-coordinates',
                f'names in {title} do not begin with @UTM_east@UTM_north@',
                len(bad),
                bad[0].name,
                'Rename them as @E@N@zone@letter@lat@lon@pano@tile@heading@pitch@roll@height@time'
                '@note@.jpg; all but E and N may be empty. Numbered frames are another layout.',
            )


def _parent_folders(what: Subject) -> Iterator[Finding]:
    folders = sorted({str(path.parent) for _, paths in what.sets for path in paths})
    marked = [folder for folder in folders if '@' in folder]
    if marked:
        yield Finding(
            WARNING,
            'at-sign-in-folder',
            'folders on the way to the images have an @ in their names',
            len(marked),
            marked[0],
            'Here that does no harm. Programs that split the whole path at @ read wrong positions '
            'from it without a word: rename the folder before comparing with theirs.',
        )


def _short_names(what: Subject) -> Iterator[Finding]:
    counts = Counter(len(path.name.split('@')) for path in what.names)
    odd = [path for path in what.names if len(path.name.split('@')) != _FIELDS]
    if odd:
        usual = ', '.join(str(max(0, n - 2)) for n in sorted(counts) if n != _FIELDS)
        yield Finding(
            NOTE,
            'fields-missing',
            f'names have not the 14 fields of the convention (but {usual})',
            len(odd),
            odd[0].name,
            'Enough for recall. Headings, times and keys that are missing cannot be used.',
        )


def _zones(what: Subject) -> Iterator[Finding]:
    if what.mock:
        return
    bare = [path for path, name in what.names.items() if name.zone is None]
    zones = {(n.zone, n.south): path for path, n in what.names.items() if n.zone is not None}
    if bare:
        yield Finding(
            WARNING if zones else NOTE,
            'zone-missing',
            'names have no UTM zone and letter',
            len(bare),
            bare[0].name,
            'Recall needs none as long as all images are of one zone. To put a map on Earth add '
            'zone and letter, the third and fourth field.',
        )
    if len(zones) > 1:
        listing = ', '.join(f'{zone}{"S" if south else "N"}' for zone, south in sorted(zones))
        meet = _zones_meet(what)
        yield Finding(
            ERROR if meet else NOTE,
            'mixed-zones',
            f'images are of several UTM zones ({listing}), whose coordinates have nothing to do '
            'with each other',
            len(zones),
            list(zones.values())[1].name,
            'Evaluate each zone by itself, or give all coordinates in one zone: some images of '
            'different zones have the same numbers.'
            if meet
            else 'Nothing: numbers of different zones are far apart here.',
        )


def _zones_meet(what: Subject) -> bool:
    """Tell whether the rectangles that the zones' coordinates fill touch."""
    zones = np.array([(n.zone or 0) * 2 + n.south for n in what.names.values()])
    boxes = []
    for zone in np.unique(zones):
        members = what.coordinates[zones == zone]
        boxes.append((members.min(axis=0), members.max(axis=0) + what.tolerance.distance))
    return any(
        bool((low <= other_high).all() and (other_low <= high).all())
        for i, (low, high) in enumerate(boxes)
        for other_low, other_high in boxes[:i]
    )


def _range(what: Subject) -> Iterator[Finding]:
    if what.mock:
        return
    (east, north), (low, high), (south, top) = what.coordinates.T, _EAST, _NORTH
    outside = np.flatnonzero((east < low) | (east > high) | (north < south) | (north > top))
    if outside.size:
        path = list(what.names)[int(outside[0])]
        yield Finding(
            WARNING,
            'outside-utm',
            'coordinates are outside what UTM has (E 100 to 900 km, N 0 to 10 000 km)',
            len(outside),
            path.name,
            'Fine for a local frame in metres. If they should be UTM, look for exchanged E and N '
            'or for latitude and longitude in their place.',
        )


def _mock(what: Subject) -> Iterator[Finding]:
    if not what.mock:
        return
    step = mock_step(what.positions(what.database).poses)
    if step is None:
        return
    frames = int((what.tolerance.distance + 1e-6) / step)
    means = f'±{frames} images' if frames else 'only the very image with the same number'
    yield Finding(
        NOTE,
        'mock-utm',
        f'the coordinates are mock UTM: numbered images every {step:.3g} m, so that '
        f'{what.tolerance.distance:g} m means {means}',
        0,
        next(iter(what.names)).name,
        'Nothing, if that is the tolerance wanted; else give another.',
    )


def mock_step(poses: Floats) -> float | None:
    """Return the usual distance of neighbours, metres, of images numbered along a line."""
    if len(poses) < 2:
        return None
    along = np.unique(poses[:, int(np.argmax(np.ptp(poses[:, :2], axis=0)))])
    return float((along[-1] - along[0]) / (len(along) - 1)) if len(along) > 1 else None


UTM_CHECKS = (_unreadable_names, _parent_folders, _short_names, _zones, _range, _mock)
