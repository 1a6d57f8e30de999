# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Who may do what on the server: owners, robots and readers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from psycopg import sql

from vpr_ros.errors import FleetError

if TYPE_CHECKING:
    from psycopg import Connection

FleetRole = Literal['owner', 'robot', 'reader']
"""Readers read all; robots also push, and change only their own; owners may change all."""
_LONGEST = 63
"""Bytes of a name; PostgreSQL cuts off what is longer."""


def grant(connection: Connection, name: str, role: FleetRole) -> bool:
    """Let someone be an owner, a robot or a reader, and nothing else of these.

    Args:
        connection: Of a role that may make roles and grant these.
        name: Of the role that logs in; made, without a password, where there is none.
        role: What it becomes.

    Returns:
        Whether it was made.

    Raises:
        FleetError: It is a superuser, for whom row security does not count, or a group, or the
            name is none.
    """
    if name.startswith('pg_') or name in {f'vpr_{each}' for each in get_args(FleetRole)}:
        msg = f'{name} is a group of roles: name the role that logs in'
        raise FleetError(msg)
    if not 0 < len(name.encode()) <= _LONGEST:
        msg = f'names of roles have 1 to {_LONGEST} bytes, and {name!r} has {len(name.encode())}'
        raise FleetError(msg)
    with connection.transaction():
        found = connection.execute(
            'SELECT rolsuper FROM pg_roles WHERE rolname = %s', [name]
        ).fetchone()
        if found is not None and found[0]:
            msg = f'{name} is a superuser, whom no rule binds: take another role'
            raise FleetError(msg)
        who = sql.Identifier(name)
        if found is None:
            connection.execute(sql.SQL('CREATE ROLE {} LOGIN').format(who))
        for each in get_args(FleetRole):
            words = 'GRANT {} TO {}' if each == role else 'REVOKE {} FROM {}'
            connection.execute(sql.SQL(words).format(sql.Identifier(f'vpr_{each}'), who))
        return found is None


def roles_of(connection: Connection) -> dict[str, FleetRole]:
    """Return what each role that logs in may do."""
    rows = connection.execute(
        'SELECT member.rolname, substr(granted.rolname, 5) FROM pg_auth_members m '
        'JOIN pg_roles member ON member.oid = m.member AND member.rolcanlogin '
        'JOIN pg_roles granted ON granted.oid = m.roleid '
        "WHERE granted.rolname IN ('vpr_owner', 'vpr_robot', 'vpr_reader') ORDER BY 1"
    )
    return dict(rows.fetchall())
