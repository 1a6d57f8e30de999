# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Takes what can be read of a map whose log was damaged, lost or is another's."""

from __future__ import annotations

import shutil
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vpr_ros.errors import MapDamagedError, MapError, MapSpaceError
from vpr_ros.maps.connection import explained, open_alone, open_to_read, require_file
from vpr_ros.maps.file_format import sync
from vpr_ros.maps.log_witness import LogWitness, read_state
from vpr_ros.maps.map_files import back_up
from vpr_ros.maps.reader import PlaceMap
from vpr_ros.maps.side_files import beside, real_path, remove_all, unfinished
from vpr_ros.maps.snapshot import load
from vpr_ros.maps.writer_lock import WriterLock

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Recovery:
    """What was recovered of a map.

    Attributes:
        places: How many there are now.
        acknowledged: How many its last writer was told of; None where that is not known.
        kept: The files as they were, under other names; none where nothing was to be done.
    """

    places: int
    acknowledged: int | None
    kept: tuple[Path, ...]


def recover(path: Path) -> Recovery:
    """Replace a map by what can be read of it with its log, or without one that is not its own.

    All files as they were are kept beside it: ``MAP.damaged``, ``MAP.damaged-wal``. A map that can
    be opened stays as it is.

    Raises:
        MapMissingError: There is no such map.
        MapInUseError: Another process is writing it.
        MapDamagedError: It cannot be read without its log either; nothing is changed.
        MapSpaceError: The disk is full; nothing is changed.
    """
    require_file(path)
    path = real_path(path)
    lock = WriterLock(path)
    draft = path.with_name(path.name + '-copy')
    try:
        told = lock.acknowledged
        with suppress(MapError), PlaceMap.open(path, memory_budget=0) as place_map:
            return Recovery(len(place_map), None, ())
        remove_all(draft)
        places = _take(path, draft)
        sync(draft)
        kept = _put_aside(path)
        draft.rename(path)
        sync(path.parent)
        lock.acknowledge(None)
    except OSError as error:
        msg = f'{path}: cannot be written beside: {error.strerror}'
        raise MapSpaceError(msg) from error
    finally:
        remove_all(draft)
        lock.release()
    return Recovery(places, None if told is None else told.places, kept)


def _take(path: Path, draft: Path) -> int:
    """Copy the best that can be read; return how many places that is.

    Raises:
        MapDamagedError: Nothing can be read.
    """
    alone = LogWitness.of(path).alone
    with suppress(MapDamagedError), explained(path), closing(open_to_read(path)) as connection:
        places = len(load(connection, 0))
        now = read_state(connection)
        if alone is None or (now is not None and now.follows(alone)):
            back_up(connection, draft)
            return places
    with explained(path), closing(open_alone(path)) as connection:
        places = len(load(connection, 0))
        back_up(connection, draft)
        return places


def _put_aside(path: Path) -> tuple[Path, ...]:
    """Give the files of a map further names, and take the log's away."""
    aside = path.with_name(path.name + '.damaged')
    number = 2
    while aside.exists() or aside.is_symlink():
        aside = path.with_name(f'{path.name}.damaged-{number}')
        number += 1
    try:
        aside.hardlink_to(path)
    except OSError:  # Not every file system has them.
        shutil.copyfile(path, aside)
    logs = [
        log.rename(aside.with_name(aside.name + log.name.removeprefix(path.name)))
        for log in unfinished(path)
    ]
    for ending in ('-wal', '-shm'):
        beside(path, ending).unlink(missing_ok=True)
    return aside, *logs
