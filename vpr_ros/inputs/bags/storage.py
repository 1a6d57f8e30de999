# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Opens bags of every kind with rosbags, and reads damaged ones as far as they go."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rosbags.rosbag1 import Reader as Ros1Reader
from rosbags.rosbag2 import Reader as Ros2Reader
from rosbags.rosbag2.storage_mcap import McapReader

from vpr_ros.errors import BagError, VprError
from vpr_ros.inputs.bags.unfinished_mcap import InterruptedMcap
from vpr_ros.inputs.frames.cdr import types

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

_LOG = logging.getLogger(__name__)
_FILES = frozenset({'.mcap', '.db3'})

Record = tuple[Any, int, bytes]
"""A rosbags connection, the time in ns at which the message was recorded, and its CDR bytes."""


@dataclass(frozen=True)
class Storage:
    """One opened folder or file of a bag.

    Attributes:
        connections: Topics, as rosbags' connections.
        start: Time of the first message, ns.
        end: Time of the last message, ns.
        read: Yields the records of some connections from a time (inclusive) to another
            (exclusive), either of which may be None.
        close: Releases the files.
    """

    connections: Sequence[Any]
    start: int
    end: int
    read: Callable[[Sequence[Any], int | None, int | None], Iterator[Record]]
    close: Callable[[], None]


def open_storages(path: Path) -> list[Storage]:
    """Open a bag; damaged or missing parts are left out with a warning.

    Args:
        path: A rosbag2 folder, a single ``.mcap`` or ``.db3`` file, or a ROS 1 ``.bag``.

    Returns:
        The parts of the bag in the order of time.

    Raises:
        BagError: Nothing can be read.
    """
    if not path.exists():
        msg = f'there is no bag at {path}'
        raise BagError(msg)
    if path.is_file():
        return [_open_file(path)]
    reason = 'metadata.yaml is missing (was the recording interrupted?)'
    if (path / 'metadata.yaml').exists():
        try:
            return [_open_reader(path)]
        except BagError as error:
            reason = str(error)
    return _open_folder_without_metadata(path, reason)


def explain(error: BaseException) -> str:
    """Return an error of rosbags as one line."""
    return (str(error) or type(error).__name__).splitlines()[0]


def _open_folder_without_metadata(path: Path, reason: str) -> list[Storage]:
    files = sorted(file for file in path.iterdir() if file.suffix in _FILES)
    storages = []
    for file in files:
        try:
            storages.append(_open_file(file))
        except BagError as error:  # noqa: PERF203
            _LOG.warning('%s', error)
    if not storages:
        msg = f'{path} is not a readable bag: {reason}'
        raise BagError(msg)
    _LOG.warning('%s: %s; %d of its %d files are read', path, reason, len(storages), len(files))
    return sorted(storages, key=lambda storage: storage.start)


def _open_file(path: Path) -> Storage:
    if path.suffix == '.bag':
        return _open_ros1(path)
    try:
        return _open_reader(path)
    except BagError as error:
        if path.suffix != '.mcap':
            raise
        storage = _open_interrupted(path)
        _LOG.warning('%s; the messages before the damage are read', error)
        return storage


def _open_reader(path: Path) -> Storage:
    with _reasons(path):
        reader = Ros2Reader(path)
        reader.open()
        return Storage(
            list(reader.connections),
            reader.start_time,
            reader.end_time - 1,
            lambda wanted, start, stop: iter(reader.messages(wanted, start, stop)),
            reader.close,
        )


def _open_interrupted(path: Path) -> Storage:
    with _reasons(path):
        reader = McapReader(InterruptedMcap(path))
        reader.open()
        return Storage(
            list(reader.connections),
            reader.metadata.start_time,
            reader.metadata.end_time - 1,
            # Not ``messages``: it insists on the order of time, recorders write as data arrive.
            lambda wanted, start, stop: iter(reader.messages_scan(wanted, start, stop)),
            reader.close,
        )


def _open_ros1(path: Path) -> Storage:
    with _reasons(path):
        reader = Ros1Reader(path)
        reader.open()
        known = [c for c in reader.connections if c.msgtype in types().types]

    def read(wanted: Sequence[Any], start: int | None, stop: int | None) -> Iterator[Record]:
        for connection, time, raw in reader.messages(wanted, start, stop):
            yield connection, time, bytes(types().ros1_to_cdr(raw, connection.msgtype))

    for connection in reader.connections:
        if connection not in known:
            _LOG.warning(
                '%s: %s is left out, %s has no known ROS 2 counterpart',
                path,
                connection.topic,
                connection.msgtype,
            )
    return Storage(known, reader.start_time, reader.end_time - 1, read, reader.close)


@contextmanager
def _reasons(path: Path) -> Iterator[None]:
    """Turn whatever rosbags raises on damaged bags into one error that names the file."""
    try:
        yield
    except VprError:
        raise
    except Exception as error:
        msg = f'{path} is not a readable bag: {explain(error)}'
        raise BagError(msg) from error
