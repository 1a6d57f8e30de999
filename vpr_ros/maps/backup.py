# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Copies a map as it is at one moment, also while another process writes it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from vpr_ros.errors import MapExistsError, MapInUseError, MapMissingError, MapSpaceError
from vpr_ros.maps.connection import explained, file_identity, open_to_read
from vpr_ros.maps.file_format import put_in_place
from vpr_ros.maps.lock import WriterLock

if TYPE_CHECKING:
    from pathlib import Path


def copy(source: Path, target: Path, *, overwrite: bool = False) -> None:
    """Copy a map; the copy gets its name when it is whole, and is on the disk on return.

    Args:
        source: The map.
        target: The new file.
        overwrite: Replace a file that is there; without, that is an error.

    Raises:
        MapMissingError: There is no such map, or no such folder.
        MapExistsError: The target is there, and may not be replaced.
        MapInUseError: The target is the map itself, or another process is writing it.
        MapError: The disk is full, the map is damaged, or the folder cannot be written.
    """
    if not source.is_file():
        msg = f'{source}: there is no such file'
        raise MapMissingError(msg)
    if not target.parent.is_dir():
        msg = f'{target}: there is no folder {target.parent}'
        raise MapMissingError(msg)
    if file_identity(source) == file_identity(target):
        msg = f'{target} is the map itself, which is on the disk already'
        raise MapInUseError(msg)
    lock = WriterLock(target)
    draft = target.with_name(target.name + '-copy')
    try:
        if target.exists() and not overwrite:
            msg = f'{target} exists already: ask to overwrite it, or name another file'
            raise MapExistsError(msg)
        with explained(target):
            _write(source, draft)
            put_in_place(draft, target)
    except OSError as error:
        msg = f'{target} cannot be written: {error.strerror}'
        raise MapSpaceError(msg) from error
    finally:
        draft.unlink(missing_ok=True)
        lock.release()


def _write(source: Path, draft: Path) -> None:
    draft.unlink(missing_ok=True)  # One that was killed may have left it.
    connection, folder = open_to_read(source)
    try:
        with closing(connection), closing(sqlite3.connect(draft)) as copied:
            connection.backup(copied)
            # A copy of a map that is being written would else need its writer's log.
            copied.execute('PRAGMA journal_mode = DELETE')
    finally:
        if folder is not None:
            folder.cleanup()
    descriptor = os.open(draft, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
