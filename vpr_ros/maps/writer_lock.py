# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The lock of the one writer of a map, and its record of what was acknowledged.

Where a log loses its end, SQLite takes what is before for all there was. So the writer notes,
after each write, the version of the map that its caller may rely on: in its lock, which stays
where it is killed. The note comes after the write is on the disk, and need not be there itself: it
never says more than the disk holds.
"""

from __future__ import annotations

import fcntl
import json
import os
import zlib
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from vpr_ros.documents import DocumentError, json_of
from vpr_ros.errors import MapAccessError, MapError, MapInUseError, MapMissingError
from vpr_ros.maps.side_files import beside, is_plain
from vpr_ros.parsing import parse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ENDING = '-lock'
_LARGEST = 4096


@dataclass(frozen=True)
class Acknowledged:
    """The last write that a writer was told of.

    Attributes:
        id: Of the map.
        log: Of the writer, see `meta.Meta`.
        version: Of the map.
        places: How many there were.
    """

    id: str
    log: str
    version: int
    places: int


def last_acknowledged(map_path: Path) -> Acknowledged | None:
    """Return what the present writer of a map, or one that was killed, was told last."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(beside(map_path, _ENDING), flags)
    except OSError:
        return None
    try:
        return _parsed(os.pread(descriptor, _LARGEST, 0))[1]
    except OSError:
        return None
    finally:
        os.close(descriptor)


class WriterLock:
    """Exclusive right to write a map, held through the file `MAP-lock` beside it.

    A lock on the map itself is not possible: closing any descriptor of an SQLite file drops the
    locks that SQLite holds on it in the same process.

    Attributes:
        acknowledged: The last write, by the writer before if there was none since. The file stays
            when the lock is released, unless this is None.

    Raises:
        MapInUseError: Another process, or another map object of this one, is the writer.
        MapMissingError: There is no such folder.
        MapAccessError: The folder cannot be written, or the lock is no plain file.
    """

    def __init__(self, map_path: Path) -> None:
        self._path = beside(map_path, _ENDING)
        self._descriptor = self._acquire(map_path)
        self.acknowledged = _parsed(os.pread(self._descriptor, _LARGEST, 0))[1]
        self._write()

    def _acquire(self, map_path: Path) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        while True:
            try:
                descriptor = os.open(self._path, flags, 0o644)
            except OSError as error:
                if isinstance(error, FileNotFoundError):
                    msg = f'cannot write {map_path}: there is no folder {self._path.parent}'
                    raise MapMissingError(msg) from error
                reason = 'it is a link' if self._path.is_symlink() else error.strerror
                msg = f'cannot write {map_path}: {reason} ({self._path})'
                raise MapAccessError(msg) from error
            try:
                found = os.fstat(descriptor)
                if found.st_nlink and not is_plain(found):
                    os.close(descriptor)
                    msg = f'cannot write {map_path}: {self._path} is no file of its own: remove it'
                    raise MapAccessError(msg)
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self._is_there(descriptor):
                    return descriptor
            except BlockingIOError as error:
                holder, _ = _parsed(os.pread(descriptor, _LARGEST, 0))
                os.close(descriptor)
                msg = (
                    f'{map_path} is being written by process {holder}; a map has one writer at a '
                    'time: stop that process, or open the map read-only'
                )
                raise MapInUseError(msg) from error
            except OSError as error:
                os.close(descriptor)
                msg = f'cannot lock {map_path} for writing: {error.strerror}'
                raise MapAccessError(msg) from error
            # The last holder removed the file between our opening and locking it.
            os.close(descriptor)

    @property
    def in_place(self) -> bool:
        """Whether the file is still there, so that no other writer can have come."""
        return self._is_there(self._descriptor)

    def covers(self, map_path: Path) -> bool:
        """Whether this is also the lock of another name, as where a whole folder was moved."""
        return self._is_there(self._descriptor, beside(map_path, _ENDING))

    def _is_there(self, descriptor: int, path: Path | None = None) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), os.lstat(path or self._path))
        except OSError:
            return False

    def acknowledge(self, write: Acknowledged | None) -> None:
        """Note the last write that is on the disk; None where the map is complete without log."""
        self.acknowledged = write
        self._write()

    def release(self) -> None:
        """Let another process write."""
        if self._descriptor >= 0:
            if self.acknowledged is None and self.in_place:
                self._path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = -1

    def _write(self) -> None:
        said = json.dumps([os.getpid(), self.acknowledged and asdict(self.acknowledged)])
        raw = f'{said} {zlib.crc32(said.encode())}\n'.encode()
        # Readers pass over what a longer one may have left behind the end of the line. On a full
        # disk the last record stays: it claims less.
        with suppress(OSError):
            os.pwrite(self._descriptor, raw, 0)


@contextmanager
def lock_if_free(map_path: Path) -> Iterator[bool]:
    """Hold the lock of a map in the body; tell whether it could be had."""
    try:
        lock = WriterLock(map_path)
    except MapError:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _parsed(raw: bytes) -> tuple[str, Acknowledged | None]:
    """Return process and record of the file of a lock; None where it is another, or damaged."""
    said, _, crc = raw.partition(b'\n')[0].rpartition(b' ')
    try:
        if zlib.crc32(said) != int(crc):
            return '?', None
        process, record = json_of(said.decode())
        return f'{process:d}', None if record is None else parse(Acknowledged, record)
    except (DocumentError, ValueError, TypeError):
        return '?', None
