# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Checks data sets for known problems that would make figures wrong."""

from __future__ import annotations

import filecmp
import re
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.errors import ImageError
from vpr_ros.evaluation.dataset_findings import ERROR, NOTE, WARNING, Finding
from vpr_ros.evaluation.datasets import FRAMES, UTM, Dataset, have_positives
from vpr_ros.inputs.folders import listing
from vpr_ros.inputs.frames import ImageFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from vpr_ros.evaluation.dataset_findings import Subject
    from vpr_ros.evaluation.metrics import Floats

KNOWN_SIZES = {
    (10_000, 6_816): 'Pitts30k test',
    (83_952, 8_280): 'Pitts250k test',
    (75_984, 315): 'Tokyo 24/7',
    (18_871, 740): 'MSLS-val, the official queries',
    (1_231, 1_231): 'AmsterTime',
    (607, 607): 'SPED',
    (27_592, 27_592): 'Nordland, all winter queries in summer: published with ±10 frames',
    (27_592, 2_760): 'Nordland*, every tenth summer query in winter: published with ±1 frame',
    (3_450, 3_450): 'Nordland, 3450 frames (SelaVPR): published with ±2 frames',
}
"""Images in database and queries of data sets as published results use them."""
_NORDLAND_FRAMES = {(27_592, 27_592): 10, (27_592, 2_760): 1, (3_450, 3_450): 2}
_FIELDS = 16
"""Parts of a complete name between and around its 15 @."""
_EAST, _NORTH = (100_000.0, 900_000.0), (0.0, 10_000_000.0)
"""Metres that UTM coordinates on Earth lie within."""
_SAMPLE = 200
"""Images of each set that are decoded."""


def lint(what: Subject) -> list[Finding]:
    """Return all findings, the worst first."""
    checks: tuple[Callable[[Subject], Iterator[Finding]], ...]
    checks = _sizes, _nordland_tolerance, _duplicates, _unread, _images
    if what.form == UTM:
        utm = _unreadable_names, _parent_folders, _short_names, _zones, _range, _mock
        checks = (*utm, _msls, _no_positives, *checks)
    elif what.form == FRAMES:
        checks = (_unequal_traverses, *checks)
    order = (ERROR, WARNING, NOTE)
    return sorted((f for check in checks for f in check(what)), key=lambda f: order.index(f.level))


def _nordland_tolerance(what: Subject) -> Iterator[Finding]:
    size = len(what.database), len(what.queries)
    step = 1.0
    if what.form != FRAMES:
        found = mock_step(what.positions(what.database).poses) if what.mock else None
        if found is None:
            return
        step = found
    frames, wanted = int((what.tolerance.distance + 1e-6) / step), _NORDLAND_FRAMES.get(size)
    if wanted is not None and wanted != frames:
        tolerance = wanted if what.form == FRAMES else (wanted + 0.5) * step
        yield Finding(
            ERROR,
            'nordland-tolerance',
            f'{KNOWN_SIZES[size]}; here it would be ±{frames}',
            0,
            '',
            f'A tolerance of {tolerance:.4g} makes it ±{wanted} frames.',
        )


def _sizes(what: Subject) -> Iterator[Finding]:
    size = len(what.database), len(what.queries)
    if size in KNOWN_SIZES:
        yield Finding(
            NOTE,
            'known-data-set',
            f'{size[0]} and {size[1]} images: as {KNOWN_SIZES[size]}',
            0,
            '',
            'Compare with published figures of that very variant only.',
        )
    elif 'nordland' in _title(what):
        yield Finding(
            WARNING,
            'nordland-variant',
            f'{size[0]} and {size[1]} images: no variant of Nordland that results are published '
            'for (27592/27592 ±10 frames, 27592/2760 ±1, 3450/3450 ±2)',
            size[1],
            '',
            'Look for lost images; the usual list leaves out tunnels and stations.',
        )


def _msls(what: Subject) -> Iterator[Finding]:
    count = len(what.queries)
    # By size too, for people rename folders; no other validation set has this database.
    if 'msls' not in _title(what) and len(what.database) != 18_871:
        return
    if count == 740:
        return
    known = {747: 'the 747 names of GSV-Cities, of which 740 have positives'}
    words = known.get(count, 'the whole set' if count > 5_000 else 'some other choice')
    yield Finding(
        ERROR,
        'msls-queries',
        f'the queries are {words}; published figures of MSLS-val are of the official 740, and '
        'differ by several points',
        count,
        what.queries[0].name,
        'Give the list of the official keys (key_mslsval.txt of the repository Lu-Feng/MSLS-val).',
    )


def _title(what: Subject) -> str:
    """Return the last folders' names; further up anything may be said."""
    return '/'.join(what.root.resolve().parts[-3:]).lower()


def _no_positives(what: Subject) -> Iterator[Finding]:
    database, queries = what.positions(what.database), what.positions(what.queries)
    if not queries.paths:
        return
    dataset = Dataset('', what.form, database, queries, what.tolerance)
    lost = np.flatnonzero(~have_positives(dataset))
    if lost.size:
        share = lost.size / len(queries.paths)
        yield Finding(
            ERROR if share == 1 else WARNING,
            'queries-without-positive',
            f'queries have no image of the database within {what.tolerance.distance:g} m '
            f'({100 * share:.1f} %)',
            int(lost.size),
            queries.paths[int(lost[0])].name,
            'They stay in the denominator, as in published evaluations: recall cannot exceed '
            f'{100 * (1 - share):.1f} %.'
            if share < 1
            else 'Database and queries seem to be of different places, zones or variants.',
        )


def _duplicates(what: Subject) -> Iterator[Finding]:
    for title, paths in what.sets:
        counts = Counter(path.name for path in paths)
        twice = [name for name, count in counts.items() if count > 1]
        if twice:
            yield Finding(
                WARNING,
                'duplicate-names',
                f'names occur more than once in {title}',
                len(twice),
                twice[0],
                'Look for a folder that was copied into itself: repeated queries count twice.',
            )
    mapped = {path.name: path for path in what.database}
    pairs = [(mapped[path.name], path) for path in what.queries if path.name in mapped]
    # Size first: mock coordinates give both sides the same names, and most are not read.
    shared = [path for other, path in pairs if filecmp.cmp(other, path, shallow=False)]
    if shared:
        yield Finding(
            ERROR,
            'query-in-database',
            'files are in the database and among the queries alike (same name and content)',
            len(shared),
            shared[0].name,
            'A query finds itself, and recall says nothing: remove them from one side.',
        )


def _unread(what: Subject) -> Iterator[Finding]:
    if what.unread:
        yield Finding(
            ERROR if what.form == FRAMES else WARNING,
            'images-left-out',
            f'pictures are left out: {listing(what.root, what.unread)}',
            len(what.unread),
            what.unread[0].name,
            'Save them as JPEG or PNG, or frames after them have the wrong place.'
            if what.form == FRAMES
            else 'Save them as JPEG or PNG, or remove them.',
        )


def _images(what: Subject) -> Iterator[Finding]:
    for title, paths in what.sets:
        sample = paths[:: max(1, -(-len(paths) // _SAMPLE))]
        bad = [trouble for path in sample if (trouble := _trouble(path))]
        if bad:
            yield Finding(
                ERROR,
                'unreadable-images',
                f'images in {title} cannot be decoded, of {len(sample)} that were tried',
                len(bad),
                bad[0],
                'Fetch them again. Unreadable queries count as missed; unreadable images of the '
                'database cannot be found.',
            )


def _trouble(path: Path) -> str:
    """Return why an image cannot be decoded, or nothing."""
    try:
        _ = ImageFile(path).rgb
    except ImageError as error:
        return str(error)
    return ''


def _unequal_traverses(what: Subject) -> Iterator[Finding]:
    counts = len(what.database), len(what.queries)
    if counts[0] != counts[1]:
        yield Finding(
            WARNING,
            'unequal-traverses',
            f'{counts[0]} frames in the database and {counts[1]} queries: equal index means equal '
            'place, so that traverses should be of one length',
            abs(counts[0] - counts[1]),
            '',
            'Look for lost frames: one in the middle shifts all that follow.',
        )
    gaps = [gap for _, paths in what.sets for gap in _gaps(paths)]
    if gaps:
        yield Finding(
            WARNING,
            'numbers-missing',
            'the numbers in the names leave some out, and frames are counted by order',
            len(gaps),
            gaps[0],
            'Restore the missing images, or frames after the gap have the wrong place.',
        )


def _gaps(paths: Sequence[Path]) -> list[str]:
    """Return the names after which numbers are left out; empty where names are no numbers."""
    found = [re.findall(r'\d+', path.stem) for path in paths]
    if not all(found):
        return []
    numbers = [int(digits[-1]) for digits in found]
    steps = np.diff(numbers)
    if not steps.size or (usual := int(np.median(steps))) < 1:
        return []
    return [paths[int(i)].name for i in np.flatnonzero(steps > usual)]


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
                '@note@.jpg; all but E and N may be empty. Numbered frames are another format.',
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
            'coordinates are outside UTM (E 100 to 900 km, N 0 to 10 000 km)',
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
