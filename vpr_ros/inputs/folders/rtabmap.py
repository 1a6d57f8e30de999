# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The images and poses of an RTAB-Map database."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from vpr_ros.inputs.folders.folder_format import FolderFormat, PosedImage
from vpr_ros.inputs.folders.image_files import FolderError
from vpr_ros.inputs.folders.rtabmap_blobs import camera_mounts, pose_of, position_of
from vpr_ros.inputs.folders.rtabmap_file import RtabmapFile
from vpr_ros.inputs.frames import StoredPicture
from vpr_ros.stamps import parse_stamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from vpr_ros.geometry import GeoPoint, Pose
    from vpr_ros.inputs.folders.rtabmap_file import Node

_log = logging.getLogger(__name__)

_MERGED, _INTERMEDIATE = -9, -1
"""Weights of nodes that are no places of their own."""
_LEAST_PICTURE = 5
"""Bytes."""
_UNRELATED = 'no optimised pose relates them to the others'


@dataclass(frozen=True, eq=False)
class _Values:
    """The values of a node.

    Attributes:
        stamp: Nanoseconds.
        odometry: The pose of the base in the frame of its session; None where there is none.
        geo: Measured position.
        mounts: Optical frame of each camera in the base, None where it is not known; of one where
            there is no calibration.
    """

    stamp: int
    odometry: Pose | None
    geo: GeoPoint | None
    mounts: list[Pose | None]


def rtabmap_database(
    file: Path,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    left_out: Counter[str] | None = None,
) -> list[PosedImage]:
    """Return the images of a database, one for each camera of a node, in order of identity.

    Poses are those of the optimised graph, in the map frame of RTAB-Map. Where there is none, as
    where the recorder was killed, they are the odometry of the session with most nodes. Poses of
    the graph are never mixed with odometry, which has another frame in each session: nodes that
    have only that are left out, unless places may be without pose. Nodes that never had a pose
    are places without one.

    Args:
        file: The database; read only.
        progress: Told after each node how many are done, and of how many.
        left_out: Takes the number of nodes that are left out, by the reason.

    Raises:
        FolderError: The file is no database of RTAB-Map, is damaged, or has no image.
    """
    left_out = Counter() if left_out is None else left_out
    database = RtabmapFile(file)
    rows = database.nodes()
    nodes = [node for node in rows if _is_place(node, left_out)]
    values = _read(rows, database)
    odometry = {key: value.odometry if value else None for key, value in values.items()}
    poses, frame = _map_poses(database, rows, odometry)
    several = len({node.session for node in nodes}) > 1
    images: list[PosedImage] = []
    for done, node in enumerate(nodes, start=1):
        progress(done, len(nodes))
        value = values[node.id]
        if value is None:
            left_out['they are damaged'] += 1
            continue
        name = file / f'node {node.id}'
        for index, mount in enumerate(value.mounts):
            camera = f'camera{index}' if len(value.mounts) > 1 else ''
            part = index, len(value.mounts)
            read = partial(database.picture, node.id)
            images.append(
                PosedImage(
                    name,
                    value.stamp,
                    poses.get(node.id),
                    value.geo if node.id in poses or not poses else None,
                    read=partial(StoredPicture, str(name), read, value.stamp, camera, part),
                    session=f'map{node.session}' if several else '',
                    camera=camera,
                    mount=mount,
                    left_out='' if value.odometry is None else _UNRELATED,
                    frame=frame,
                    adrift=None if node.id in poses else value.odometry,
                )
            )
    if not images:
        why = ''.join(f'; {count} nodes are left out: {text}' for text, count in left_out.items())
        msg = f'{file} has no node with an image{why}'
        raise FolderError(msg)
    return images


def _is_place(node: Node, left_out: Counter[str]) -> bool:
    """Return whether a node has a picture of a place of its own; else count why it has not."""
    if node.weight <= _MERGED:
        left_out['they are merged into others, or the robot stood still'] += 1
    elif node.picture < _LEAST_PICTURE:
        left_out['they have no image'] += 1
    else:
        return True
    return False


def _read(rows: list[Node], database: RtabmapFile) -> dict[int, _Values | None]:
    """Return the values of nodes, None of those that are damaged; the log says what is wrong."""
    wrong: defaultdict[str, list[int]] = defaultdict(list)
    values = {node.id: _values(node, database, wrong) for node in rows}
    for why, nodes in wrong.items():
        _log.warning('%s: %d nodes %s, the first is %d', database.path, len(nodes), why, nodes[0])
    if never := sum(value is not None and value.odometry is None for value in values.values()):
        text = '%s: %d nodes have no pose, and become places without one'
        _log.warning(text, database.path, never)
    return values


def _values(
    node: Node, database: RtabmapFile, wrong: defaultdict[str, list[int]]
) -> _Values | None:
    """Return the values of a node, and note what is wrong; None where stamp or pose are."""
    mounts: list[Pose | None] = [None]
    geo = None
    with _noted(wrong, 'taken without calibration', node):
        mounts = _mounts(node, database)
    with _noted(wrong, 'taken without position on Earth', node):
        geo = position_of(node.gps)
    try:
        return _Values(_stamp(node), pose_of(node.pose), geo, mounts)
    except ValueError as error:
        wrong[f'are left out: {error}'].append(node.id)
        return None


def _stamp(node: Node) -> int:
    """Return nanoseconds.

    Raises:
        ValueError: The stamp is no number of seconds since 1970.
    """
    stamp = parse_stamp(repr(node.stamp))
    if stamp < 0:
        msg = 'a stamp is negative'
        raise ValueError(msg)
    return stamp


@contextmanager
def _noted(wrong: defaultdict[str, list[int]], what: str, node: Node) -> Iterator[None]:
    """Note a node whose values make no sense, by what becomes of it and why."""
    try:
        yield
    except ValueError as error:
        wrong[f'are {what}: {error}'].append(node.id)


def _mounts(node: Node, database: RtabmapFile) -> list[Pose | None]:
    """Return the mount of each camera; of one, and not known, where there is no calibration."""
    if not isinstance(node.calibration, bytes) or not node.calibration:
        return [None]
    return camera_mounts(node.calibration, database.version)


def _map_poses(
    database: RtabmapFile, rows: list[Node], odometry: dict[int, Pose | None]
) -> tuple[dict[int, Pose], str]:
    """Return the poses of nodes in one frame, and its name."""
    optimised = database.optimised(len(rows))
    if optimised:
        return {**_between(rows, odometry, optimised), **optimised}, 'rtabmap'
    sessions: defaultdict[int, dict[int, Pose]] = defaultdict(dict)
    for node in rows:
        if (pose := odometry[node.id]) is not None:
            sessions[node.session][node.id] = pose
    if not sessions:
        return {}, ''
    number, poses = max(sessions.items(), key=lambda item: (len(item[1]), -item[0]))
    _log.warning(
        '%s has no optimised poses, as where the recorder was killed: those of %d nodes are the '
        'odometry of session %d. Open the file once with RTAB-Map to have them optimised',
        database.path,
        len(poses),
        number,
    )
    return poses, 'odom'


def _between(
    rows: list[Node], odometry: dict[int, Pose | None], optimised: dict[int, Pose]
) -> dict[int, Pose]:
    """Return the poses of intermediate nodes, which the graph leaves out.

    Odometry carries them from the optimised node before them, else from the one after.
    """
    found: dict[int, Pose] = {}
    for order in (rows, rows[::-1]):
        anchor: Node | None = None
        for node in order:
            if node.weight != _INTERMEDIATE or node.id in optimised:
                anchor = node
            elif anchor is not None and anchor.session == node.session:
                here, there = odometry[node.id], odometry[anchor.id]
                if here is not None and there is not None and anchor.id in optimised:
                    found.setdefault(node.id, optimised[anchor.id] @ there.inverse() @ here)
    return found


FORMATS = (
    FolderFormat(
        'rtabmap',
        'an RTAB-Map database in the place of the folder',
        rtabmap_database,
        reports=True,
        selects=True,
        for_maps=True,
    ),
)
