# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Finds the files of a bag and opens each by what it is, whatever its name."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from vpr_ros.errors import BagError
from vpr_ros.inputs.bags import mcap_files, ros1_files, sqlite_files
from vpr_ros.inputs.bags.bag_metadata import NAME, BagMetadata, read_metadata
from vpr_ros.inputs.bags.unpacking import SUFFIXES, TemporaryFolder, is_packed, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from vpr_ros.inputs.bags.storage import Storage

_LOG = logging.getLogger(__name__)
_KINDS: Mapping[bytes, Callable[[Path], Storage]] = {
    mcap_files.MAGIC: mcap_files.open_mcap,
    sqlite_files.MAGIC: sqlite_files.open_sqlite,
    ros1_files.MAGIC: ros1_files.open_ros1,
}
_NAMES = ('.mcap', '.db3', '.bag')
_ACTIVE = '.active'
"""Ending of the name of a file that is still being recorded."""
_EXPECTED = (
    'a bag is a folder or a file of rosbag2 (.mcap, .db3) or ROS 1 (.bag), also compressed (.zstd)'
)


def open_storages(path: Path) -> list[Storage]:
    """Open a bag; damaged or missing parts are left out with a warning.

    Args:
        path: A folder with the files of a bag, or one file.

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
    if not path.is_dir():
        msg = f'{path} is neither a file nor a folder: {_EXPECTED}'
        raise BagError(msg)
    metadata = None
    try:
        metadata = read_metadata(path)
        files = _files_of(path, metadata)
        if metadata is None and any(map(_is_ros2, files)):
            _LOG.warning('%s: %s is missing; was the recording interrupted?', path, NAME)
    except BagError as error:
        _LOG.warning('%s; the files beside it are read', error)
        files = _files_of(path, None)
    storages = _open_files(path, files)
    if metadata is not None:
        _compare(path, metadata, storages)
    return sorted(storages, key=lambda storage: storage.start)


def _open_files(path: Path, files: Sequence[Path]) -> list[Storage]:
    storages, faults = [], []
    for file in files:
        try:
            storages.append(_open_file(file))
        except BagError as error:  # noqa: PERF203
            faults.append(str(error))
    if not storages:
        raise BagError('; '.join(faults) or _nothing_in(path))
    for fault in faults:
        _LOG.warning('%s', fault)
    if faults:
        _LOG.warning('%s: %d of its %d files are read', path, len(storages), len(files))
    return storages


def _files_of(path: Path, metadata: BagMetadata | None) -> list[Path]:
    """Return the files of the bag in a folder: those of the metadata, then others of a bag."""
    there = {file.name: file for file in sorted(path.iterdir()) if _is_bag(file)}
    files: dict[str, Path] = {}
    for name in metadata.files if metadata else ():
        # The metadata may name a file as it was before it was compressed.
        found = [n for n in there if n == name or _unpacked(n) == name]
        if found:
            files[_unpacked(found[0])] = there[found[0]]
        else:
            _LOG.warning('%s: %s, which %s names, is missing', path, name, NAME)
    for name, file in there.items():
        if _unpacked(name) in files:
            continue  # the same file, compressed
        if metadata is not None and metadata.files:
            _LOG.warning('%s: %s is read too, which %s does not name', path, name, NAME)
        files[_unpacked(name)] = file
    return list(files.values())


def _is_bag(file: Path) -> bool:
    return _unpacked(file.name).endswith(_NAMES) and file.is_file()


def _is_ros2(file: Path) -> bool:
    return not _unpacked(file.name).endswith('.bag')


def _unpacked(name: str) -> str:
    """Return the name of a file without the endings of compression and of recording."""
    stem, dot, end = name.rpartition('.')
    return _unpacked(stem) if dot and dot + end in {*SUFFIXES, _ACTIVE} else name


def _nothing_in(path: Path) -> str:
    inner = sorted({file.parent.name for file in path.glob('*/*') if _is_bag(file)})
    if inner:
        some = ', '.join(inner[:5]) + (' …' if len(inner) > 5 else '')
        return f'{path} holds no bag itself; its folders do, name one of them: {some}'
    missing = '' if (path / NAME).exists() else f', and {NAME} is missing'
    return f'{path} holds no file of a bag{missing}: {_EXPECTED}'


def _open_file(path: Path) -> Storage:
    try:
        with path.open('rb') as file:
            begin = file.read(16)
    except OSError as error:
        msg = f'{path} cannot be read: {error.strerror}'
        raise BagError(msg) from error
    if is_packed(begin):
        return _open_packed(path)
    for magic, opener in _KINDS.items():
        if begin.startswith(magic):
            return opener(path)
    what = 'it begins as no bag does' if begin else 'it is empty'
    msg = f'{path} is not a readable bag: {what}; {_EXPECTED}'
    raise BagError(msg)


def _open_packed(path: Path) -> Storage:
    folder = TemporaryFolder()
    try:
        _LOG.warning('%s is compressed: it is unpacked into %s meanwhile', path, folder.path)
        storage = _open_file(unpack(path, folder))
    except BaseException:
        folder.close()
        raise

    def close() -> None:
        storage.close()
        folder.close()

    return replace(storage, path=path, close=close)


def _compare(path: Path, metadata: BagMetadata, storages: Sequence[Storage]) -> None:
    """Say which messages the metadata promise and the files do not hold."""
    held: Counter[str] = Counter()
    for storage in storages:
        for connection in storage.connections:
            held[connection.topic] += connection.msgcount
    for name, count in metadata.counts.items():
        if held[name] < count:
            text = '%s: %s says %d messages on %s, and the files hold %d'
            _LOG.warning(text, path, NAME, count, name, held[name])
