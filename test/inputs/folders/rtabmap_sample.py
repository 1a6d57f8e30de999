# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Writes databases as RTAB-Map does, small enough to be read in no time."""

from __future__ import annotations

import sqlite3
import struct
import zlib
from contextlib import closing
from dataclasses import dataclass

import cv2
import numpy as np
from pictures import blocks

from vpr_ros.geometry import Pose

LOOKING_AHEAD = Pose.of((0.3, 0.05, 1.1), (-0.5, 0.5, -0.5, 0.5))
TABLES = """
CREATE TABLE Node (id INTEGER NOT NULL, map_id INTEGER NOT NULL, weight INTEGER, stamp FLOAT,
    pose BLOB, label TEXT, gps BLOB, time_enter DATE, PRIMARY KEY (id));
CREATE TABLE Data (id INTEGER NOT NULL, image BLOB, depth BLOB, calibration BLOB,
    time_enter DATE, PRIMARY KEY (id));
CREATE TABLE Link (from_id INTEGER NOT NULL, to_id INTEGER NOT NULL, type INTEGER NOT NULL,
    information_matrix BLOB NOT NULL, transform BLOB);
CREATE TABLE Admin (version TEXT, opt_ids BLOB, opt_poses BLOB, time_enter DATE);
"""


def matrix(pose):
    """Return a pose as 12 float32; a null one as zeros."""
    if pose is None:
        return bytes(48)
    return np.column_stack([pose.rotation, pose.position]).astype('<f4').tobytes()


def packed(array):
    """Return a matrix of one row, compressed as RTAB-Map does."""
    kind = {'i': 4, 'f': 5}[array.dtype.kind]
    return zlib.compress(array.tobytes()) + struct.pack('<3i', 1, array.size, kind)


def record(mount, doubles=(9, 0, 0, 0), version=(0, 23, 8)):
    """Return the calibration of one camera since version 0.18."""
    head = struct.pack('<11i', *version, 0, 64, 48, *doubles, 0 if mount is None else 12)
    return head + bytes(8 * sum(doubles)) + (b'' if mount is None else matrix(mount))


def stereo_record(mount):
    left, right = record(mount), record(None)
    head = struct.pack('<10i', 0, 23, 8, 1, 9, 3, 9, 0, len(left), len(right))
    return head + bytes(8 * 21) + left + right


def bare_record(mount):
    """Return the calibration of one camera before version 0.18."""
    return struct.pack('<6f', 60, 60, 32, 24, 64, 48) + matrix(mount)


def png(*pictures):
    return cv2.imencode('.png', np.concatenate(pictures, axis=1)[..., ::-1])[1].tobytes()


@dataclass
class SampleNode:
    """A node to write; `image` is its picture encoded, by default one like no other."""

    id: int
    odometry: Pose | None
    session: int = 0
    weight: int = 0
    stamp: object = None
    image: bytes | None = b'own'
    calibration: bytes | None = None
    gps: tuple[float, float, float] | None = None


def write_database(path, nodes, optimised=None, version='0.23.8'):
    """Write a database; `optimised` are poses by node."""
    with closing(sqlite3.connect(path)) as db:
        db.executescript(TABLES)
        for node in nodes:
            stamp = 1700000000.5 + node.id if node.stamp is None else node.stamp
            gps = None
            if node.gps is not None:
                lat, lon, alt = node.gps
                gps = struct.pack('<6d', stamp, lon, lat, alt, 3, 0)
            row = node.id, node.session, node.weight, stamp, matrix(node.odometry), gps
            db.execute(
                'INSERT INTO Node (id, map_id, weight, stamp, pose, gps) '
                'VALUES (?, ?, ?, ?, ?, ?)',
                row,
            )
            image = png(blocks(node.id)) if node.image == b'own' else node.image
            calibration = record(LOOKING_AHEAD) if node.calibration is None else node.calibration
            db.execute(
                'INSERT INTO Data (id, image, calibration) VALUES (?, ?, ?)',
                (node.id, image, calibration or None),
            )
        graph = None, None
        if optimised is not None:
            poses = b''.join(matrix(pose) for pose in optimised.values())
            graph = packed(np.array(list(optimised), '<i4')), packed(np.frombuffer(poses, '<f4'))
        db.execute(
            'INSERT INTO Admin (version, opt_ids, opt_poses) VALUES (?, ?, ?)', (version, *graph)
        )
        db.commit()
    return path
