# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Opens the bags of ROS 1, also those that were never closed (``.active``) and have no index."""

from __future__ import annotations

import io
import itertools
import logging
import struct
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from rosbags.rosbag1 import Reader
from rosbags.rosbag1.reader import Header, decompressors

from vpr_ros.errors import BagError
from vpr_ros.inputs.bags.mended_file import MendedFile
from vpr_ros.inputs.bags.storage import Record, Storage, explain, reasons
from vpr_ros.inputs.bags.unpacking import unpack_ros1_bz2, unpack_ros1_lz4
from vpr_ros.inputs.frames.cdr import types

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_LOG = logging.getLogger(__name__)

# The functions of rosbags unpack whatever there is.
decompressors.update(bz2=unpack_ros1_bz2, lz4=unpack_ros1_lz4)

MAGIC = b'#ROSBAG V'
_MESSAGE, _INDEX, _CHUNK, _INFO, _CONNECTION = 2, 4, 5, 6, 7
_UINT32 = struct.Struct('<I')
_UNPACKED = 'none'


def open_ros1(path: Path) -> Storage:
    """Open a ROS 1 bag, whose messages are read as CDR.

    Raises:
        BagError: It cannot be read.
    """
    try:
        reader = Reader(path)
        reader.open()
    except Exception as error:  # noqa: BLE001  rosbags raises all kinds on damaged files
        with reasons(path):
            reader = Reader(_indexed(path, explain(error)))
            reader.open()
        _LOG.warning(
            '%s was not closed or is damaged: %s; the messages before are read',
            path,
            explain(error),
        )
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
    return Storage(path, known, reader.start_time, reader.end_time - 1, read, reader.close)


@dataclass
class _Chunk:
    """The content of one chunk.

    Attributes:
        at: Offset of the chunk.
        times: Times of the messages as recorded (seconds and nanoseconds, uint32 each), with their
            offsets in the chunk, by connection.
        end: Offset in the chunk behind the last whole record.
    """

    at: int
    times: defaultdict[int, list[tuple[int, int, int]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    end: int = 0

    def index(self) -> bytes:
        """Return the index records that follow the chunk."""
        parts = []
        for connection, entries in self.times.items():
            data = b''.join(struct.pack('<III', *entry) for entry in entries)
            head = {'ver': 1, 'conn': connection, 'count': len(entries)}
            parts.append(_record(_INDEX, {k: _UINT32.pack(v) for k, v in head.items()}, data))
        return b''.join(parts)

    def info(self) -> bytes:
        """Return the record that describes the chunk at the end of the bag."""
        stamps = [entry[:2] for entries in self.times.values() for entry in entries]
        head = {
            'ver': _UINT32.pack(1),
            'chunk_pos': struct.pack('<Q', self.at),
            'start_time': struct.pack('<II', *min(stamps)),
            'end_time': struct.pack('<II', *max(stamps)),
            'count': _UINT32.pack(len(self.times)),
        }
        counts = (struct.pack('<II', c, len(entries)) for c, entries in self.times.items())
        return _record(_INFO, head, b''.join(counts))


def _record(kind: int, head: dict[str, bytes], data: bytes) -> bytes:
    fields = {'op': bytes([kind]), **head}
    header = b''.join(
        _UINT32.pack(len(name) + 1 + len(value)) + name.encode() + b'=' + value
        for name, value in fields.items()
    )
    return _UINT32.pack(len(header)) + header + _UINT32.pack(len(data)) + data


def _indexed(path: Path, reason: str) -> MendedFile:
    """Return a bag that has no index with one.

    Raises:
        BagError: No message is in it.
    """
    with path.open('rb') as file:
        file.readline()
        header, places = _bag_header(file)
        connections: dict[int, bytes] = {}
        chunks: list[_Chunk] = []
        patches: dict[int, bytes] = {}
        suffix = b''
        end = header
        size = file.seek(0, io.SEEK_END)
        file.seek(end)
        while (at := file.tell()) < size:
            try:
                kind, length, compression = _read_head(file)
                begin = file.tell()
                if kind == _INDEX:
                    file.seek(length, io.SEEK_CUR)
                    continue
                if kind != _CHUNK:
                    break
                closed = length > 0 and begin + length <= size
                data = file.read(length if closed else -1)
                raw = decompressors[compression](data)
            except Exception as error:  # noqa: BLE001  any bytes may stand in a damaged bag
                _LOG.debug('%s at %d: %s', path, at, error)
                break
            chunk = _chunk_of(at, raw, connections)
            if not closed and compression != _UNPACKED:
                break
            if not chunk.times:
                end = file.tell()
                continue
            chunks.append(chunk)
            end = begin + (len(data) if closed else chunk.end)
            if closed and (follows := _index_end(file, len(chunk.times), size)):
                end = follows
                continue
            # The recorder fills in the size of a chunk, and writes its index, when it is full.
            patches[begin - _UINT32.size] = _UINT32.pack(end - begin)
            suffix = chunk.index()
            break
    if not chunks:
        msg = f'{path} is not a readable bag: {reason}, and no message was found in it'
        raise BagError(msg)
    patches[places['index_pos']] = struct.pack('<Q', end + len(suffix))
    patches[places['conn_count']] = _UINT32.pack(len(connections))
    patches[places['chunk_count']] = _UINT32.pack(len(chunks))
    parts = itertools.chain(connections.values(), (chunk.info() for chunk in chunks))
    return MendedFile(path, end, patches, suffix + b''.join(parts))


def _bag_header(file: BinaryIO) -> tuple[int, dict[str, int]]:
    """Return the offset behind the header of a bag, and those of the values that point to its end.

    Raises:
        Exception: It is damaged.
    """
    begin = file.tell()
    Header.read(file)
    behind = file.tell()
    file.seek(begin)
    raw = file.read(behind - begin)
    places = {}
    for name in ('index_pos', 'conn_count', 'chunk_count'):
        places[name] = begin + raw.index(f'{name}='.encode()) + len(name) + 1
    (padding,) = _UINT32.unpack(file.read(_UINT32.size))
    return behind + _UINT32.size + padding, places


def _read_head(file: BinaryIO) -> tuple[int, int, str]:
    """Read the head of a record; return its kind, length of data and compression."""
    header = Header.read(file)
    (length,) = _UINT32.unpack(file.read(_UINT32.size))
    compression = header.get_string('compression') if 'compression' in header else ''
    return header.get_uint8('op'), length, compression


def _chunk_of(at: int, raw: bytes, connections: dict[int, bytes]) -> _Chunk:
    """Read the whole records of a chunk, and take the connections that are new."""
    chunk, stream = _Chunk(at), io.BytesIO(raw)
    while (begin := stream.tell()) < len(raw):
        try:
            header = Header.read(stream)
            (length,) = _UINT32.unpack(stream.read(_UINT32.size))
            kind, connection = header.get_uint8('op'), header.get_uint32('conn')
            stream.seek(length, io.SEEK_CUR)
            if kind not in (_MESSAGE, _CONNECTION) or stream.tell() > len(raw):
                break
            if kind == _CONNECTION:
                connections.setdefault(connection, raw[begin : stream.tell()])
            else:
                time = struct.unpack('<II', header['time'])
                chunk.times[connection].append((*time, begin))
        except Exception as error:  # noqa: BLE001  any bytes may stand in a damaged chunk
            _LOG.debug('chunk at %d: %s', at, error)
            break
        chunk.end = stream.tell()
    return chunk


def _index_end(file: BinaryIO, count: int, size: int) -> int:
    """Return the offset behind the index records that follow a chunk; 0 if they are not whole."""
    try:
        for _ in range(count):
            kind, length, _ = _read_head(file)
            file.seek(length, io.SEEK_CUR)
            if kind != _INDEX or file.tell() > size:
                return 0
    except Exception as error:  # noqa: BLE001  any bytes may stand in a damaged bag
        _LOG.debug('index of a chunk: %s', error)
        return 0
    return file.tell()
