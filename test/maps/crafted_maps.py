# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Maps with any value in any field whose checksums are right, as somebody hostile makes them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
import zlib
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from vpr_ros.geometry import Datum, GeoPoint, Pose
from vpr_ros.maps import MapWriter, NewPlace
from vpr_ros.maps.columns import SELECT, Columns
from vpr_ros.types import Description, ModelInfo

DIM, BITS, PLACES = 24, 512, 7
COLUMNS = {
    'sessions': ('id', 'name', 'started', 'uid', 'crc'),
    'cameras': ('id', 'name', 'crc'),
    'places': (
        *('id', 'session', 'camera', 'stamp', 'distance', 'x', 'y', 'z', 'qx', 'qy', 'qz', 'qw'),
        *('latitude', 'longitude', 'altitude', 'covariance', 'code', 'descriptor_crc', 'crc'),
    ),
    'descriptors': ('place', 'data'),
    'thumbnails': ('place', 'data', 'crc'),
    'coder': ('id', 'mean', 'projection'),
}
JPEG = b'\xff\xd8\xff\xd9'


class Base:
    """A sound map, and a description that it can be asked with; its text is short, for reports."""

    def __init__(self, name, content, query):
        self.name, self.content, self.query = name, content, query

    def __repr__(self):
        return self.name


def describe(number, bits):
    rng = np.random.default_rng(number)
    vector = rng.standard_normal(DIM).astype(np.float32)
    code = rng.integers(0, 256, bits // 8, dtype=np.uint8) if bits else None
    return Description(vector / np.linalg.norm(vector), code)


def sound_maps(folder):
    """Make one map of each kind: with a hash head, without codes, and with all that is fitted."""
    bases = []
    for name, bits in (('head', BITS), ('plain', 0), ('fitted', 0)):
        path = folder / f'{name}.vprmap'
        model = ModelInfo('hog', 'none', DIM, bits, 'none', trained=True)
        with MapWriter.create(path, model, datum=Datum(48, 11, 0)) as place_map:
            for title in ('morning', 'evening'):
                session = place_map.begin_session(title, 7, 'odom' if title == 'evening' else '')
                place_map.add(
                    [
                        NewPlace(
                            describe(i, bits),
                            session,
                            i * 10**9,
                            pose=Pose.planar(i, -i, 0.1),
                            covariance=np.eye(6),
                            geo=GeoPoint(48, 11, 500),
                            camera='front',
                            distance=float(i),
                            mount=Pose.planar(1, 0, 0),
                            thumbnail=JPEG,
                        )
                        for i in range(PLACES)
                    ]
                )
            if name == 'fitted':
                place_map.recode(bits=16, dim=20, storage='int8')
        bases.append(Base(name, path.read_bytes(), describe(3, bits)))
    return bases


INTEGERS = st.integers(-(2**63), 2**63 - 1)
NUMBERS = (
    st.integers(-2, 130)
    | INTEGERS
    | st.sampled_from([2**31, 2**32, 2**33, 2**53, 2**62, 2**63 - 1, -(2**63), 10**18])
    | st.floats()
    | st.sampled_from([95.0, 1e160, 1e308, -1e308, 5e-324, float('inf'), 0.0, -0.0])
)
TEXTS = st.text(max_size=6) | st.sampled_from(
    ['', '7', '-1', '\x00', '\x1b[2J', '\u202e', 'a\nb', '=cmd()', 'hash-head', 'itq-', 'x' * 500]
)
BLOBS = st.binary(max_size=12) | st.integers(0, 4 * DIM).map(bytes)
STORED = st.none() | NUMBERS | TEXTS | BLOBS
KEYS = st.sampled_from(['1', '2', '9', '-1', 'x', '', '01', 'lat', 'name', 'descriptor_dim'])
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=8)
        | st.dictionaries(KEYS, inner, max_size=3)
        | st.lists(NUMBERS, min_size=7, max_size=7)
    ),
    max_leaves=8,
)
RAW = st.sampled_from(
    [
        '',
        '{',
        '[' * 3000,
        '9' * 5000,
        'NaN',
        '"\\ud800"',
        '1e999',
        '[1',
        '\ufeff1',
        '{"a":1,"a":2}',
    ]
)
LENGTHS = st.sampled_from([0, 1, 7, 8, 16, 20, DIM - 1, DIM, DIM + 1, DIM + 16, 64, 512, 1024])


NOTHING_LEFT = (sqlite3.IntegrityError, ValueError, TypeError, KeyError, RecursionError)


def craft(path, draw):
    """Change a map in one way or more, and make its checksums right again."""
    with contextlib.closing(_opened(path)) as db:
        kept = set()
        for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3]))):
            change = draw(st.sampled_from([_any_cell, _any_cell, _any_meta, _any_meta, _lengths]))
            # What a change before made of the map may leave nothing for this one.
            with contextlib.suppress(*NOTHING_LEFT):
                kept |= change(db, draw)
        _seal(db, kept)
        db.commit()


def alter(path, *statements, **meta):
    """Change a map by SQL and its metadata by name, and make its checksums right again.

    Args:
        path: The map.
        statements: In SQL.
        meta: Values of fields, a dictionary for those parts of one that change.
    """
    with contextlib.closing(_opened(path)) as db:
        for statement in statements:
            db.execute(statement)
        for key, value in meta.items():
            row = db.execute('SELECT value FROM meta WHERE key = ?', (key,)).fetchone()
            old = json.loads(row[0]) if row else None
            parts = isinstance(old, dict) and isinstance(value, dict) and key != 'mounts'
            new = {**old, **value} if parts else value
            text = new if isinstance(new, Raw) else json.dumps(new)
            db.execute('REPLACE INTO meta VALUES (?, ?)', (key, text))
        _seal(db, set(meta))
        db.commit()


def _opened(path):
    db = sqlite3.connect(path)
    db.execute('PRAGMA synchronous = OFF')  # Thousands of maps need not reach the disk.
    db.execute('PRAGMA journal_mode = MEMORY')
    return db


class Raw(str):
    """A value of the metadata that is no JSON."""

    __slots__ = ()


def _any_cell(db, draw):
    """Put any value into a cell of a table; or take a row away, or add one."""
    table = draw(st.sampled_from(list(COLUMNS)))
    key = COLUMNS[table][0]
    keys = [row[0] for row in db.execute(f'SELECT {key} FROM {table} ORDER BY 1')]
    if not keys:
        return set()
    chosen = draw(st.sampled_from(keys))
    way = draw(st.integers(0, 15))
    if way == 0:
        db.execute(f'DELETE FROM {table} WHERE {key} = ?', (chosen,))
    elif way == 1:
        names = ', '.join(COLUMNS[table][1:])
        db.execute(
            f'INSERT INTO {table} SELECT ?, {names} FROM {table} WHERE {key} = ?',
            (draw(STORED), chosen),
        )
    else:
        column = draw(st.sampled_from(COLUMNS[table]))
        whole = draw(st.integers(0, 3)) == 0
        # A value that every place has is no less wrong, and gets further.
        where, values = ('', ()) if whole else (f'WHERE {key} = ?', (chosen,))
        db.execute(f'UPDATE {table} SET {column} = ? {where}', (draw(STORED), *values))
    return set()


def _any_meta(db, draw):
    """Put any value into a field of the metadata, or into a part of it."""
    items = dict(db.execute('SELECT key, value FROM meta').fetchall())
    key = draw(st.sampled_from(sorted(items)))
    way = draw(st.integers(0, 11))
    if way == 0:
        db.execute('DELETE FROM meta WHERE key = ?', (key,))
    elif way == 1:
        db.execute('REPLACE INTO meta VALUES (?, ?)', (draw(TEXTS), json.dumps(draw(JSON))))
    elif way == 2:
        db.execute('UPDATE meta SET value = ? WHERE key = ?', (draw(RAW | STORED), key))
    else:
        value = json.loads(items[key])
        if isinstance(value, dict) and value and draw(st.booleans()):
            part = draw(st.sampled_from(sorted(value)))
            if isinstance(value[part], list) and value[part] and draw(st.booleans()):
                value[part][draw(st.integers(0, len(value[part]) - 1))] = draw(JSON)
            else:
                value[part] = draw(JSON)
        else:
            value = draw(JSON)
        db.execute('UPDATE meta SET value = ? WHERE key = ?', (json.dumps(value), key))
    return {key}


def _lengths(db, draw):
    """Say other lengths of descriptors and codes, and make what is stored as long as they say."""
    rows = db.execute('SELECT key, value FROM meta').fetchall()
    items = {key: json.loads(value) for key, value in rows}
    model = items['model']
    for field in draw(st.sets(st.sampled_from(['dim', 'head', 'bits', 'reduced', 'storage']))):
        if field == 'dim':
            model['descriptor_dim'] = draw(LENGTHS)
        elif field == 'head':
            model['code_bits'] = draw(LENGTHS)
        elif field == 'bits':
            items['code_bits'] = draw(LENGTHS)
        elif field == 'reduced':
            items['reduced_dim'] = draw(LENGTHS)
        else:
            items['storage'] = draw(st.sampled_from(['float16', 'int8', 'float32']))
    if draw(st.booleans()):
        items['coder'] = draw(st.sampled_from(['', 'hash-head', items['coder']]))
    if draw(st.booleans()):
        items['reducer'] = draw(st.sampled_from(['', items['reducer'], 'pca-0']))
    dim = items['reduced_dim'] or model['descriptor_dim']
    stored = 2 * dim if items['storage'] == 'float16' else dim + 4
    _resize(db, 'descriptors', 'place', 'data', stored)
    code = items['code_bits'] // 8
    _resize(db, 'places', 'id', 'code', code)
    for key, value in items.items():
        db.execute('UPDATE meta SET value = ? WHERE key = ?', (json.dumps(value), key))
    return set()


def _resize(db, table, key, column, size):
    size = min(size, 1 << 14)  # Another change may have made of it any number.
    rows = db.execute(f'SELECT {key}, {column} FROM {table}').fetchall()
    for row, data in rows:
        if data is None or isinstance(data, bytes):
            new = (data or b'').ljust(size, b'\0')[:size]
            db.execute(f'UPDATE {table} SET {column} = ? WHERE {key} = ?', (new, row))


def _seal(db, kept):
    """Make every checksum right, as far as what is stored has any."""
    for place, data in db.execute('SELECT place, data FROM descriptors').fetchall():
        if isinstance(data, bytes):
            crc = zlib.crc32(data, place & 0xFFFFFFFF)
            db.execute('UPDATE places SET descriptor_crc = ? WHERE id = ?', (crc, place))
    for place, data in db.execute('SELECT place, data FROM thumbnails').fetchall():
        if isinstance(data, bytes):
            crc = zlib.crc32(data, place & 0xFFFFFFFF)
            db.execute('UPDATE thumbnails SET crc = ? WHERE place = ?', (crc, place))
    for table in ('sessions', 'cameras'):
        *names, _ = COLUMNS[table]
        for row in db.execute(f'SELECT {", ".join(names)} FROM {table}').fetchall():
            with contextlib.suppress(TypeError):
                crc = _crc_of(*row)
                db.execute(f'UPDATE {table} SET crc = ? WHERE id = ?', (crc, row[0]))
    items = dict(db.execute('SELECT key, value FROM meta').fetchall())
    items.update(_renamed(db, items))
    digest = 0
    rows = db.execute(f'{SELECT} ORDER BY id').fetchall()
    for row in rows:
        with contextlib.suppress(TypeError, ValueError, OverflowError):
            length = len(row[16]) if isinstance(row[16], bytes) else 0
            crc = int(Columns._parse([row], length).computed_crcs()[0])
            db.execute('UPDATE places SET crc = ? WHERE id = ?', (crc, row[0]))
            digest += crc
    if 'places' not in kept:
        items['places'] = json.dumps(len(rows))
    if 'digest' not in kept:
        items['digest'] = json.dumps(digest)
    items.pop('crc', None)
    with contextlib.suppress(TypeError):
        items['crc'] = str(_crc_of(*sorted(items.items())))
    db.executemany('REPLACE INTO meta VALUES (?, ?)', items.items())


def _renamed(db, items):
    """Name what was fitted by what it is now; return the metadata that name it."""
    renamed = {}
    for key, mean, projection in db.execute('SELECT id, mean, projection FROM coder').fetchall():
        if isinstance(mean, bytes) and isinstance(projection, bytes) and isinstance(key, str):
            new = f'{key[:4]}{hashlib.sha256(mean + projection).hexdigest()}'
            for name in ('coder', 'reducer'):
                if items.get(name) == json.dumps(key):
                    renamed[name] = json.dumps(new)
            with contextlib.suppress(sqlite3.IntegrityError):
                db.execute('UPDATE coder SET id = ? WHERE id = ?', (new, key))
    return renamed


def _crc_of(*values):
    return zlib.crc32(json.dumps(values).encode())


def query_for(place_map, base):
    """Return a description that a map says it can be asked with, where there can be one."""
    model = place_map.model
    description = base.query
    if model.descriptor_dim != DIM:
        vector = np.resize(description.descriptor, model.descriptor_dim)
        description = replace(description, descriptor=vector / np.linalg.norm(vector))
    if model.code_bits != (0 if base.query.code is None else BITS):
        code = np.zeros(model.code_bits // 8, np.uint8) if model.code_bits else None
        description = replace(description, code=code)
    return description
