# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Opens MCAP files, with the index that their recorder wrote or with one that is made here.

The summary at the end of a file is optional in each of its parts (https://mcap.dev/spec), and a
robot that loses power leaves none. rosbags takes what a summary does not list as absent, so a
summary is used only where it lists every message; otherwise the chunks are read once to find out.
"""

from __future__ import annotations

import io
import itertools
import logging
import struct
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from rosbags.rosbag2 import storage_mcap
from rosbags.rosbag2.storage_mcap import ChunkInfo, McapReader

from vpr_ros.errors import BagError
from vpr_ros.inputs.bags.mended_file import MendedFile
from vpr_ros.inputs.bags.storage import Record, Storage, explain, reasons
from vpr_ros.inputs.bags.unpacking import unpack_beginning, unpack_lz4, unpack_zstd, unpacked_limit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_LOG = logging.getLogger(__name__)

# rosbags calls these with the size that a chunk claims, which its own functions ignore.
storage_mcap.DECOMPRESSORS.update(zstd=unpack_zstd, lz4=unpack_lz4)

MAGIC = b'\x89MCAP0\r\n'
_NO_SUMMARY = b'\x02' + struct.pack('<QQQI', 20, 0, 0, 0) + MAGIC
_RECORD = struct.Struct('<BQ')
_CHUNK = struct.Struct('<QQQII')
_MESSAGE, _CHUNK_CODE = 0x05, 0x06
_IN_CHUNKS = frozenset({0x03, 0x04, _MESSAGE, *range(0x80, 0x100)})
"""Codes of the records that a chunk may hold: schemas, channels, messages, private ones."""
_ENDS = frozenset({0x00, 0x02, 0x0F})
"""Zeros that file systems leave after a crash, the footer, the end of the data section."""
_PRIVATE = b'\x80'
"""Code of records that readers pass over."""
_LATEST = 2**63 - 1


def open_mcap(path: Path) -> Storage:
    """Open an MCAP file.

    Raises:
        BagError: It cannot be read.
    """
    reader = _Reader(path)
    try:
        reader.open()
    except Exception as error:  # noqa: BLE001  rosbags raises all kinds on damaged files
        storage = _scanned(path)
        _LOG.warning(
            '%s is not a readable bag: %s; the messages before the damage are read',
            path,
            explain(error),
        )
        return storage
    if not _lists_all(reader):
        with suppress(Exception):
            reader.close()
        return _scanned(path)
    _require_bearable(path, reader.chunks)
    return Storage(
        path,
        list(reader.connections),
        reader.metadata.start_time,
        reader.metadata.end_time - 1,
        lambda wanted, start, stop: iter(reader.messages(wanted, start, stop)),
        reader.close,
    )


class _Reader(McapReader):  # type: ignore[misc]  # rosbags is not looked into
    """Remembers whether the summary has statistics, which rosbags makes up where it has none."""

    counted = False

    def read_index(self) -> None:
        super().read_index()
        self.counted = self.statistics is not None


def _lists_all(reader: _Reader) -> bool:
    """Tell whether the summary lists each message in the index of a chunk."""
    indexed: Counter[int] = Counter()
    for chunk in reader.chunks:
        indexed.update(chunk.channel_count)
    statistics = reader.statistics
    return (
        reader.counted
        and statistics is not None
        and len(reader.chunks) == statistics.chunk_count
        and +indexed == +Counter(statistics.channel_message_counts)
        and indexed.total() == statistics.message_count > 0
        and set(indexed) <= {connection.id for connection in reader.connections}
    )


def _require_bearable(path: Path, chunks: Sequence[ChunkInfo]) -> None:
    """Refuse chunks that cannot be held in memory together where their times overlap.

    Raises:
        BagError: They claim to unpack to more than any recording does.
    """
    turns = [(chunk.message_start_time, chunk.uncompressed_size) for chunk in chunks]
    turns += [(chunk.message_end_time + 1, -chunk.uncompressed_size) for chunk in chunks]
    held = itertools.accumulate(size for _, size in sorted(turns))
    if max(held, default=0) > unpacked_limit(path.stat().st_size):
        msg = f'{path} unpacks to more than memory could hold, which no recording does'
        raise BagError(msg)


def _scanned(path: Path) -> Storage:
    """Open a file by reading all of it once, without its summary."""
    with reasons(path):
        with path.open('rb') as file:
            found = _scan(file)
        _require_bearable(path, found.chunks)
        patches = dict.fromkeys(found.damaged, _PRIVATE)
        # rosbags opens a path by its name only.
        reader = McapReader(MendedFile(path, found.end, patches, found.last + _NO_SUMMARY))
        reader.open()
    if found.damaged:
        _LOG.warning('%s: %d damaged chunks are left out', path, len(found.damaged))
    channels = dict.fromkeys((connection.id for connection in reader.connections), 1)
    if found.sortable:
        reader.chunks[:] = [chunk._replace(channel_count=channels) for chunk in found.chunks]

    def read(wanted: Sequence[Any], start: int | None, stop: int | None) -> Iterator[Record]:
        begin, end = start or 0, _LATEST if stop is None else stop
        # ``messages`` insists on the order of time where no chunks are; recorders write as data
        # arrive.
        iterate = reader.messages if found.sortable else reader.messages_scan
        return iter(iterate(wanted, begin, end))

    return Storage(
        path,
        list(reader.connections),
        reader.metadata.start_time,
        reader.metadata.end_time - 1,
        read,
        reader.close,
    )


@dataclass
class _Scan:
    """What the records of a file are.

    Attributes:
        end: Offset behind the last whole record of the data section.
        chunks: Of every readable chunk.
        damaged: Offsets of the chunks that cannot be read.
        loose: Messages outside chunks.
        last: A chunk with what is left of one that was cut off; empty where there is none.
    """

    end: int
    chunks: list[ChunkInfo] = field(default_factory=list)
    damaged: list[int] = field(default_factory=list)
    loose: int = 0
    last: bytes = b''

    @property
    def sortable(self) -> bool:
        """Whether the chunks hold every message."""
        return bool(self.chunks) and not self.loose


def _scan(file: BinaryIO) -> _Scan:
    size = file.seek(0, io.SEEK_END)
    found = _Scan(len(MAGIC))
    while found.end + _RECORD.size <= size:
        at = found.end
        file.seek(at)
        kind, length = _RECORD.unpack(file.read(_RECORD.size))
        after = at + _RECORD.size + length
        if kind in _ENDS:
            break
        if after > size:
            if kind == _CHUNK_CODE:
                # Any bytes may stand where a recorder was killed.
                with suppress(ValueError, KeyError, struct.error):
                    last = _whole_records(file.read(unpacked_limit(0)))
                    found.chunks.append(_chunk_at(at, last[_RECORD.size :]))
                    found.last = last
            break
        found.loose += kind == _MESSAGE
        if kind == _CHUNK_CODE:
            try:
                found.chunks.append(_chunk_at(at, file.read(length)))
            except Exception as error:  # noqa: BLE001  any bytes may stand in a damaged chunk
                _LOG.debug('chunk at %d: %s', at, error)
                found.damaged.append(at)
        found.end = after
    found.end = min(found.end, size)
    return found


def _whole_records(record: bytes) -> bytes:
    """Return a chunk of the whole records in one that was cut off.

    Raises:
        Exception: It holds none, or nobody can tell.
    """
    size, _, compression, name_end = _claims_of(record)
    raw, end = unpack_beginning(record[name_end + 8 :], compression, size), 0
    while end + _RECORD.size <= len(raw) and raw[end] in _IN_CHUNKS:
        after = end + _RECORD.size + _RECORD.unpack_from(raw, end)[1]
        if after > len(raw):
            break
        end = after
    if not end:
        msg = 'no record is whole'
        raise ValueError(msg)
    head = _CHUNK.pack(0, 0, end, 0, 0) + struct.pack('<Q', end)
    return _RECORD.pack(_CHUNK_CODE, len(head) + end) + head + raw[:end]


def _claims_of(record: bytes) -> tuple[int, int, str, int]:
    """Return size, checksum and compression that a chunk claims, and the end of the last."""
    _, _, size, crc, name_length = _CHUNK.unpack_from(record)
    name_end = _CHUNK.size + name_length
    return size, crc, record[_CHUNK.size : name_end].decode(), name_end


def _chunk_at(offset: int, record: bytes) -> ChunkInfo:
    """Return the index entry of a chunk, whose own times are not believed.

    Raises:
        Exception: The chunk is damaged.
    """
    size, crc, compression, name_end = _claims_of(record)
    (packed,) = struct.unpack_from('<Q', record, name_end)
    data = record[name_end + 8 : name_end + 8 + packed]
    if len(data) != packed:
        msg = 'the chunk is shorter than it claims'
        raise ValueError(msg)
    raw = storage_mcap.decompress(data, compression, size, crc)
    times, at = [], 0
    while at < len(raw):
        kind, length = _RECORD.unpack_from(raw, at)
        if kind not in _IN_CHUNKS:
            msg = f'the chunk holds a record of kind {kind}, which no chunk may'
            raise ValueError(msg)
        if kind == _MESSAGE:
            times.append(struct.unpack_from('<Q', raw, at + _RECORD.size + 6)[0])
        at += _RECORD.size + length
    if at != len(raw):
        msg = 'the chunk ends within a record'
        raise ValueError(msg)
    return ChunkInfo(
        min(times, default=0),
        max(times, default=0),
        offset,
        _RECORD.size + len(record),
        {},
        0,
        compression,
        packed,
        size,
        {},
    )
