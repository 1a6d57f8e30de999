# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Locks a map for one writer; the operating system releases the lock if its holder dies."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from vpr_ros.errors import MapAccessError, MapInUseError

if TYPE_CHECKING:
    from pathlib import Path


class WriterLock:
    """Exclusive right to write a map, held through the file `MAP-lock` beside it.

    A lock on the map itself is not possible: closing any descriptor of an SQLite file drops the
    locks that SQLite holds on it in the same process.

    Raises:
        MapInUseError: Another process, or another map object of this one, is the writer.
        MapAccessError: The folder cannot be written.
    """

    def __init__(self, map_path: Path) -> None:
        self._path = map_path.with_name(map_path.name + '-lock')
        self._descriptor = self._acquire(map_path)

    def _acquire(self, map_path: Path) -> int:
        while True:
            try:
                descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            except OSError as error:
                msg = f'cannot write {map_path}: {error.strerror} ({self._path.parent})'
                raise MapAccessError(msg) from error
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(descriptor), os.stat(self._path)):  # noqa: PTH116
                    os.truncate(descriptor, 0)
                    os.write(descriptor, str(os.getpid()).encode())
                    return descriptor
            except BlockingIOError as error:
                holder = os.pread(descriptor, 20, 0).decode(errors='replace')
                os.close(descriptor)
                msg = (
                    f'{map_path} is being written by process {holder}; a map has one writer at a '
                    'time: stop that process, or open the map read-only'
                )
                raise MapInUseError(msg) from error
            except FileNotFoundError:
                pass  # The last holder removed the file between our opening and locking it.
            except OSError as error:
                os.close(descriptor)
                msg = f'cannot lock {map_path} for writing: {error.strerror}'
                raise MapAccessError(msg) from error
            os.close(descriptor)

    def release(self) -> None:
        """Let another process write."""
        if self._descriptor >= 0:
            self._path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = -1
