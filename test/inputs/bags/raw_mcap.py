# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Writes MCAP files with any part of the summary left out (https://mcap.dev/spec)."""

from __future__ import annotations

import struct
from collections import defaultdict

import lz4.frame
from rosbags.rosbag2.storage_mcap import zstd
from sample_bags import STORE, point

MAGIC = b'\x89MCAP0\r\n'
POINT = 'geometry_msgs/msg/PointStamped'
PACK = {'': bytes, 'zstd': zstd.compress, 'lz4': lz4.frame.compress}
ALL = frozenset({'schemas', 'channels', 'statistics', 'chunk_index', 'message_index'})
"""Optional parts of a file; all but the last are of the summary."""


def record(kind, data):
    return bytes([kind]) + struct.pack('<Q', len(data)) + data


def text(value):
    raw = value.encode()
    return struct.pack('<I', len(raw)) + raw


def write_mcap(path, topics, times, *, parts=ALL, chunk=4, compression='', loose=0):
    """Write points on topics at times; ``loose`` messages stand before the chunks.

    Args:
        chunk: Messages of a chunk; 0 for no chunks.
    """
    schema = record(3, struct.pack('<H', 1) + text(POINT) + text('ros2msg') + text(''))
    channels = b''.join(
        record(4, struct.pack('<HH', i, 1) + text(name) + text('cdr') + struct.pack('<I', 0))
        for i, name in enumerate(topics, 1)
    )
    messages = []
    for time in times:
        raw = bytes(STORE.serialize_cdr(point(time), POINT))
        for i, _ in enumerate(topics, 1):
            messages.append((time, i, record(5, struct.pack('<HIQQ', i, 0, time, time) + raw)))
    out = bytearray(MAGIC + record(1, text('ros2') + text('test')))
    out += schema + channels
    count = len(messages) if not chunk else loose
    out += b''.join(raw for _, _, raw in messages[:count])
    indexes = []
    for begin in range(count, len(messages), chunk or 1):
        part = messages[begin : begin + chunk]
        body = b''.join(raw for _, _, raw in part)
        stamps = [time for time, _, _ in part]
        packed = PACK[compression](body)
        head = struct.pack('<QQQI', min(stamps), max(stamps), len(body), 0) + text(compression)
        at = len(out)
        out += record(6, head + struct.pack('<Q', len(packed)) + packed)
        length, offsets, begin_index = len(out) - at, b'', len(out)
        if 'message_index' in parts:
            entries, position = defaultdict(list), 0
            for time, channel, raw in part:
                entries[channel].append(struct.pack('<QQ', time, position))
                position += len(raw)
            for channel, found in entries.items():
                offsets += struct.pack('<HQ', channel, len(out))
                data = b''.join(found)
                out += record(7, struct.pack('<HI', channel, len(data)) + data)
        indexes.append(
            record(
                8,
                struct.pack('<QQQQI', min(stamps), max(stamps), at, length, len(offsets))
                + offsets
                + struct.pack('<Q', len(out) - begin_index)
                + text(compression)
                + struct.pack('<QQ', len(packed), len(body)),
            )
        )
    out += record(15, bytes(4))
    summary = len(out)
    out += schema * ('schemas' in parts) + channels * ('channels' in parts)
    if 'statistics' in parts:
        counts = b''.join(struct.pack('<HQ', i, len(times)) for i, _ in enumerate(topics, 1))
        head = len(messages), 1, len(topics), 0, 0, len(indexes), min(times), max(times)
        out += record(
            11, struct.pack('<QHIIIIQQ', *head) + struct.pack('<I', len(counts)) + counts
        )
    out += b''.join(indexes) * ('chunk_index' in parts)
    out += record(2, struct.pack('<QQI', summary if len(out) > summary else 0, 0, 0)) + MAGIC
    path.write_bytes(out)
    return path
