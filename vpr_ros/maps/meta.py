# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The metadata of a map: what they may say, and how they are written to the file and read."""

from __future__ import annotations

import dataclasses
import json
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vpr_ros.documents import json_of
from vpr_ros.errors import MapDamagedError, MapError, MapNewerError, shown
from vpr_ros.geometry import Datum  # noqa: TC001  read by parse()
from vpr_ros.geometry.pose import FARTHEST, are_poses
from vpr_ros.maps.descriptors import FLOAT16, STORAGES, Packing
from vpr_ros.parsing import parse
from vpr_ros.types import ModelInfo  # noqa: TC001  read by parse()

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

HASH_HEAD = 'hash-head'
"""Origin of codes that the model makes itself."""
MOST_SESSIONS = 2**32
"""Identities of sessions are 32 bits in messages."""
_MOST = 2**62
"""Counters stay below, so that they can be raised."""
_LONGEST_DESCRIPTOR = 1 << 20
_MOST_BITS = 65_528
"""Bits of a code: distances are 16 bits in messages, of which the last number means none."""
_LONGEST_TEXT = 4096
"""Characters of a name, or of what else messages repeat for each image."""
_POSE = 7


@dataclass(frozen=True)
class Meta:
    """Metadata of the file; one row of table `meta` for each field, as JSON."""

    id: str
    created: int
    created_by: str
    model: ModelInfo
    frame_id: str
    datum: Datum | None
    code_bits: int
    coder: str = ''
    version: int = 1
    revision: int = 1  # Raised by every write that changes or removes places already there.
    next_place: int = 1
    next_session: int = 1
    places: int = 0
    digest: int = 0  # Sum of the CRCs of the places.
    storage: str = FLOAT16
    reducer: str = ''
    reduced_dim: int = 0  # Length of the descriptors where there is a reducer.
    # Poses on the base (7 numbers), by identity of the camera as a text.
    mounts: dict[str, list[float]] = dataclasses.field(default_factory=dict)
    # Frames of poses that begin where their session did, by identity of the session as a text.
    frames: dict[str, str] = dataclasses.field(default_factory=dict)
    # The log of SQLite that the map is being written to: the mark of the `FileState` that it began
    # with, and a random part. Empty in a map that its writer closed.
    log: str = ''

    @property
    def fault(self) -> str:
        """What in them contradicts itself or makes no sense, in words; empty if all is sound."""
        return next((fault for check in _CHECKS if (fault := check(self))), '')

    @property
    def rules(self) -> tuple[object, ...]:
        """What places must be read anew for where it differs."""
        return self.id, self.revision, self.model, self.code_bits, self.coder, self.packing

    @property
    def packing(self) -> Packing:
        """How descriptors are stored."""
        return Packing(self.storage, self.reduced_dim or self.model.descriptor_dim)

    @property
    def format(self) -> int:
        """The oldest version of the format that can say all this."""
        if self.frames:
            return 3
        return 2 if self.mounts else 1

    def is_same(self, other: Meta) -> bool:
        """Tell whether two are of one state of a map, whether or not its writer closed it."""
        return dataclasses.replace(self, log='') == dataclasses.replace(other, log='')


def _fault_of_counters(meta: Meta) -> str:
    counters = meta.version, meta.revision, meta.next_place, meta.next_session
    if not all(1 <= counter < _MOST for counter in counters) or meta.next_session > MOST_SESSIONS:
        return 'a counter is out of range'
    if not (0 <= meta.places < meta.next_place and 0 <= meta.digest < _MOST):
        return 'the number of places does not go with their identities'
    if not (meta.id.isascii() and meta.id.replace('-', '').isalnum()):
        return f'{shown(meta.id)} is no identity of a map'
    return '' if abs(meta.created) < _MOST else 'the time of creation is out of range'


def _fault_of_descriptions(meta: Meta) -> str:
    model, dim = meta.model, meta.model.descriptor_dim
    head = HASH_HEAD, model.code_bits
    faults = {
        f'descriptors cannot have {dim} elements': not 1 <= dim <= _LONGEST_DESCRIPTOR,
        f'codes cannot have {meta.code_bits} bits': (
            meta.code_bits % 8 or not 0 <= meta.code_bits <= _MOST_BITS
        ),
        'the codes are not those of the model, which makes them itself': (
            model.code_bits and (meta.coder, meta.code_bits) != head
        ),
        'there are codes without a coder, or a coder without codes': (
            bool(meta.coder) != bool(meta.code_bits)
            or (meta.coder == HASH_HEAD and not model.code_bits)
        ),
        'descriptors are shortened by nothing, or to nothing': (
            bool(meta.reducer) != bool(meta.reduced_dim)
        ),
        f'descriptors of {dim} elements cannot be shortened to {meta.reduced_dim}': (
            not 0 <= meta.reduced_dim < dim
        ),
    }
    return next((fault for fault, found in faults.items() if found), '')


def _fault_of_texts(meta: Meta) -> str:
    parts = vars(meta), vars(meta.model), meta.frames
    return fault_of_texts(value for part in parts for value in part.values())


def fault_of_texts(values: Iterable[object]) -> str:
    """Return in words what is wrong with the texts among some values; empty if nothing is."""
    longest = max((value for value in values if isinstance(value, str)), key=len, default='')
    if len(longest) <= _LONGEST_TEXT:
        return ''
    return f'{shown(longest)} has {len(longest)} characters; {_LONGEST_TEXT} are the most'


def _fault_of_frames(meta: Meta) -> str:
    for key, mount in meta.mounts.items():
        if not _is_identity(key) or len(mount) != _POSE or not are_poses(np.array([mount])).all():
            return f'the mount of camera {shown(key)} is no pose'
    for key, frame in meta.frames.items():
        if not (_is_identity(key) and frame):
            return f'the frame of session {shown(key)} has no name'
    if meta.datum is not None and abs(meta.datum.alt) > FARTHEST:
        return f'the datum is no place on Earth: it is {meta.datum.alt:g} m high'
    return ''


def _is_identity(key: str) -> bool:
    return key.isdecimal() and key.isascii() and len(key) < 20 and key == str(int(key))


_CHECKS = (_fault_of_counters, _fault_of_texts, _fault_of_descriptions, _fault_of_frames)


def crc_of(*values: object) -> int:
    """Return the CRC-32 of a row of texts and integers."""
    return zlib.crc32(json.dumps(values).encode())


def row_with_crc(*values: object) -> tuple[object, ...]:
    """Return a row of texts and integers with the checksum that it ends with in the file.

    Raises:
        MapError: A text is too long.
    """
    if fault := fault_of_texts(values):
        raise MapError(fault)
    return *values, crc_of(*values)


def write_meta(connection: sqlite3.Connection, meta: Meta) -> None:
    """Replace the metadata of the file.

    Raises:
        MapError: They are not sound, so that nothing could read them.
    """
    if meta.fault:
        raise MapError(meta.fault)
    (version,) = connection.execute('PRAGMA user_version').fetchone()
    if version != meta.format:
        connection.execute(f'PRAGMA user_version = {meta.format}')
    values = dataclasses.asdict(meta)
    for key in ('mounts', 'frames', 'log'):
        if not values[key]:
            del values[key]  # Not known to format 1.
            connection.execute('DELETE FROM meta WHERE key = ?', (key,))
    items = {key: json.dumps(value) for key, value in values.items()}
    items['crc'] = _crc_of_items(items)
    connection.executemany('INSERT OR REPLACE INTO meta VALUES (?, ?)', items.items())


def read_items(connection: sqlite3.Connection) -> tuple[dict[str, str], str]:
    """Return the metadata of the file as they are stored, and their checksum.

    Raises:
        MapDamagedError: The checksum is another: something other than vpr_ros changed them.
    """
    items: dict[str, str] = dict(connection.execute('SELECT key, value FROM meta'))
    crc = items.pop('crc', '')
    if crc != _crc_of_items(items):
        msg = 'is damaged: the checksum of table meta does not match'
        raise MapDamagedError(msg)
    return items, crc


def _crc_of_items(items: dict[str, str]) -> str:
    return str(crc_of(*sorted(items.items())))


def read_meta(connection: sqlite3.Connection) -> Meta:
    """Read the metadata of the file.

    Raises:
        MapError: It was changed by something other than vpr_ros, or is not sound.
    """
    items, _ = read_items(connection)
    values: dict[str, Any] = {key: json_of(value) for key, value in items.items()}
    storage = values.get('storage')
    if isinstance(storage, str) and storage not in STORAGES:
        msg = f'its descriptors are stored as {shown(storage)}, which is not known here'
        raise MapNewerError(msg)
    meta = parse(Meta, values)
    if meta.fault:
        msg = f'is damaged: {meta.fault}'
        raise MapDamagedError(msg)
    return meta


def read_version(connection: sqlite3.Connection) -> int:
    """Return the version that was last committed, 0 if it cannot be understood."""
    row = connection.execute("SELECT value FROM meta WHERE key = 'version'").fetchone()
    return int(row[0]) if row and _is_identity(str(row[0])) else 0
