# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The tables of a fleet: made and brought up to date by migrations, and checked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from psycopg import errors

from vpr_ros.errors import FleetError
from vpr_ros.version import SOFTWARE

if TYPE_CHECKING:
    from psycopg import Connection
    from typing_extensions import LiteralString


class Migration(NamedTuple):
    """A step from one version of the schema to the next.

    Attributes:
        version: That it leads to.
        name: What it adds.
        statements: In SQL.
    """

    version: int
    name: str
    statements: LiteralString


def migrations() -> tuple[Migration, ...]:
    """Return all steps in order; the files are named by version and name."""
    files = sorted(Path(__file__).with_name('migrations').glob('*.sql'))
    parts = [(*file.stem.split('_', 1), file.read_text('utf-8')) for file in files]
    return tuple(Migration(int(number), name, text) for number, name, text in parts)


VERSION = migrations()[-1].version
"""Of the schema that this software needs."""
_LOCK = 0x56505246
"""Key of the advisory lock under which migrations run."""
SHARDS = 128
KEYS_OF_A_SHARD = 1 << 24
"""Of sessions, maps and cameras; those of sessions fit into the 32 bits that messages have."""

_ROLES: LiteralString = """
DO $$
DECLARE
    made text;
    above text;
BEGIN
    FOREACH made IN ARRAY ARRAY['vpr_reader', 'vpr_robot', 'vpr_owner'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = made) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', made);
        END IF;
        IF above IS NOT NULL AND NOT pg_has_role(made, above, 'MEMBER') THEN
            EXECUTE format('GRANT %I TO %I', above, made);
        END IF;
        above := made;
    END LOOP;
END
$$
"""
"""Roles are of the whole server and may be there from another database."""


def initialise(connection: Connection, shard: int | None = None) -> list[Migration]:
    """Make the schema, or bring it up to date; does nothing where it is.

    Args:
        connection: Of a role that may create schemas, extensions and roles.
        shard: Number of this server among those of one fleet, so that no key is given twice; None
            for the one that it has, which is 0 at first.

    Returns:
        The steps that were taken.

    Raises:
        FleetError: The schema is newer than this software, or the number is out of range, or not
            the one that the server has.
    """
    if shard is not None:
        require_shard(shard)
    with connection.transaction():
        connection.execute('SELECT pg_advisory_xact_lock(%s)', [_LOCK])
        begin_schema(connection)
        found = version_of(connection)
        if found > VERSION:
            raise FleetError(_newer(found))
        steps = [step for step in migrations() if step.version > found]
        for step in steps:
            # The text comes from this package.
            connection.execute(step.statements)
            note_step(connection, step)
        if not found:
            for sequence in ('session_keys', 'maps_id_seq', 'cameras_id_seq'):
                first = (shard or 0) * KEYS_OF_A_SHARD + 1
                connection.execute('SELECT setval(%s, %s, false)', [sequence, first])
        elif shard is not None:
            _require_number(connection, shard)
        # A copy from another server numbers transactions as that one did.
        connection.execute(
            'UPDATE sessions SET changed = pg_current_xact_id() '
            'WHERE changed > pg_current_xact_id()'
        )
        return steps


def require_shard(number: int) -> None:
    """Refuse a number that no server of a fleet has.

    Raises:
        FleetError: It is out of range.
    """
    if not 0 <= number < SHARDS:
        msg = f'servers of a fleet are numbered from 0 to {SHARDS - 1}, not {number}'
        raise FleetError(msg)


def _require_number(connection: Connection, shard: int) -> None:
    row = connection.execute('SELECT last_value FROM maps_id_seq').fetchone()
    number = row[0] // KEYS_OF_A_SHARD if row else 0
    if number != shard:
        msg = (
            f'this server has number {number} already, after which its sessions and maps are '
            f'numbered: number {shard} takes another database'
        )
        raise FleetError(msg)


def begin_schema(connection: Connection) -> None:
    """Make roles, and the schema without the tables of maps, where there is none."""
    connection.execute(_ROLES)
    connection.execute('CREATE SCHEMA IF NOT EXISTS vpr')
    connection.execute('CREATE EXTENSION IF NOT EXISTS vector SCHEMA vpr')
    connection.execute(
        'CREATE TABLE IF NOT EXISTS migrations (version int PRIMARY KEY, name text NOT NULL, '
        'software text NOT NULL, applied timestamptz NOT NULL DEFAULT now())'
    )


def note_step(connection: Connection, step: Migration) -> None:
    """Write down that a step was taken."""
    connection.execute(
        'INSERT INTO migrations (version, name, software) VALUES (%s, %s, %s)',
        [step.version, step.name, SOFTWARE],
    )


def version_of(connection: Connection) -> int:
    """Return the version of the schema, 0 where there is none."""
    try:
        row = connection.execute('SELECT max(version) FROM vpr.migrations').fetchone()
    except (errors.UndefinedTable, errors.InvalidSchemaName):
        return 0
    return (row and row[0]) or 0


def require_schema(connection: Connection) -> None:
    """Make sure that the schema is the one that this software knows.

    Raises:
        FleetError: It is not; says what to do.
    """
    found = version_of(connection)
    if not found:
        msg = 'this database holds no maps of a fleet: make it ready with `vpr fleet init`'
        raise FleetError(msg)
    if found > VERSION:
        raise FleetError(_newer(found))
    if found < VERSION:
        msg = (
            f'the schema of this database has version {found}, and this software needs '
            f'{VERSION}: its owner brings it up to date with `vpr fleet init`'
        )
        raise FleetError(msg)


def _newer(found: int) -> str:
    return (
        f'the schema of this database has version {found}; this software knows {VERSION}: '
        'upgrade vpr_ros'
    )


_CHECKS: dict[str, LiteralString] = {
    'sessions have not as many places as they should': (
        'SELECT count(*) FROM sessions s JOIN versions v ON v.session = s.key '
        'AND v.number = s.version WHERE v.places <> '
        '(SELECT count(*) FROM places WHERE session = s.key)'
    ),
    'places have no descriptor': (
        'SELECT count(*) FROM places p WHERE NOT EXISTS (SELECT FROM descriptors d '
        'WHERE d.session = p.session AND d.number = p.number)'
    ),
    'places belong to no session': (
        'SELECT count(*) FROM places p WHERE NOT EXISTS (SELECT FROM sessions s '
        'WHERE s.key = p.session AND s.map = p.map)'
    ),
    'sessions have no version': (
        'SELECT count(*) FROM sessions s WHERE version <> 0 AND NOT EXISTS '
        '(SELECT FROM versions v WHERE v.session = s.key AND v.number = s.version)'
    ),
    'places have codes of another length than others of their map': (
        'SELECT count(*) FROM places p JOIN maps m ON m.id = p.map '
        "WHERE length(p.code)::text <> m.rules ->> 'code_bits'"
    ),
    'places have poses, positions or covariances that are none': (
        'SELECT count(*) FROM places WHERE num_nulls(x, y, z, qx, qy, qz, qw) NOT IN (0, 7) '
        'OR NOT greatest(abs(x), abs(y), abs(z), abs(altitude), abs(distance)) <= 1e9 '
        'OR NOT greatest(abs(qx), abs(qy), abs(qz), abs(qw)) BETWEEN 0.4 AND 1.1 '
        'OR num_nulls(latitude, longitude) = 1 OR NOT abs(latitude) <= 90 '
        'OR NOT abs(longitude) <= 180 OR length(covariance) <> 84'
    ),
    'places were seen by no camera of their map': (
        'SELECT count(*) FROM places p WHERE NOT EXISTS (SELECT FROM cameras c '
        'WHERE c.id = p.camera AND c.map = p.map)'
    ),
    'descriptors have another length than others of their map': (
        'SELECT count(*) FROM descriptors d JOIN sessions s ON s.key = d.session '
        'JOIN maps m ON m.id = s.map WHERE vector_dims(d.data)::text <> coalesce('
        "nullif(m.rules ->> 'reduced_dim', '0'), m.rules #>> '{model,descriptor_dim}')"
    ),
    'thumbnails belong to no descriptor': (
        'SELECT count(*) FROM thumbnails t WHERE NOT EXISTS (SELECT FROM descriptors d '
        'WHERE d.session = t.session AND d.number = t.number)'
    ),
}


def problems(connection: Connection) -> list[str]:
    """Return what is wrong with the contents, in words; empty where all is sound."""
    found = []
    for words, query in _CHECKS.items():
        row = connection.execute(query).fetchone()
        if row is not None and row[0]:
            found.append(f'{row[0]} {words}')
    return found
