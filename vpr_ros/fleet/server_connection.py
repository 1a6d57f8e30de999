# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Connections to the fleet's server, by libpq's own means, and what their errors mean."""

from __future__ import annotations

import math
import os
import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from pgvector.psycopg import register_vector
from psycopg import IsolationLevel, errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import Conninfo

from vpr_ros.errors import FleetAccessError, FleetError, FleetUnreachableError, VprError
from vpr_ros.fleet.schema import require_schema

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection
    from psycopg.abc import PQGen
    from psycopg.pq import ConninfoOption

Answer = TypeVar('Answer')

_DEFAULTS: dict[str, Any] = {
    'application_name': 'vpr_ros',
    'connect_timeout': 10,
    # A robot that drives out of the net notices within half a minute, and so does the server.
    'keepalives_idle': 10,
    'keepalives_interval': 5,
    'keepalives_count': 3,
    'tcp_user_timeout': 30_000,
}
_PATIENCE = 600.0
"""Seconds that a step of a conversation may take where nobody sets a limit."""
_GRACE = 1.0
"""Seconds after a limit of the server within which it should have said so."""
_LOOK = 0.2
"""Seconds between two looks at how long a step has taken."""
_NO_SERVICE = 'definition of service'
"""In what libpq says where no service file has the service."""
_SESSION = (
    'SET search_path = vpr, public',
    'SET jit = off',  # compiling takes longer than a search
    'SET tcp_keepalives_idle = 10',
    'SET tcp_keepalives_interval = 5',
    'SET tcp_keepalives_count = 3',
)


class WatchedConnection(psycopg.Connection[Any]):
    """A connection that is cut where the network swallows all and says nothing.

    The limits of the server help only while its answers arrive.
    """

    _patience = _end = math.inf

    def watch(self, patience: float) -> None:
        """Cut the connection from now on if a step of a conversation takes so many seconds."""
        self._patience = patience
        # One for all steps, of which each row that is pulled is one.
        threading.Thread(target=self._watch, daemon=True).start()

    def wait(self, gen: PQGen[Answer], *args: Any, **options: Any) -> Answer:
        """Wait for a step of a conversation."""
        self._end = time.monotonic() + self._patience
        try:
            return super().wait(gen, *args, **options)
        finally:
            self._end = math.inf

    def _watch(self) -> None:
        while not self.closed:
            if time.monotonic() > self._end:
                self._cut()
                return
            time.sleep(_LOOK)

    def _cut(self) -> None:
        # libpq then finds the connection closed, and psycopg raises what is told of that.
        with suppress(OSError), socket.socket(fileno=os.dup(self.pgconn.socket)) as end:
            end.shutdown(socket.SHUT_RDWR)


def require_no_password(url: str) -> None:
    """Refuse a connection string that holds a secret, where others can read it.

    Raises:
        FleetError: It does, or it is none.
    """
    try:
        given = conninfo_to_dict(url)
    except (psycopg.ProgrammingError, UnicodeEncodeError):
        # What libpq says of it repeats parts, of which one may be a password.
        msg = (
            'this is no connection string of PostgreSQL, such as postgresql://HOST/DATABASE '
            '(where other signs than letters and digits are written like %20) or service=NAME'
        )
        raise FleetError(msg) from None
    # libpq marks what is not to be shown.
    if any(each.dispchar == b'*' and each.keyword.decode() in given for each in _options()):
        msg = (
            'the connection string holds a password, which others can read in lists of processes '
            'and in launch files: put it into the file that PGPASSFILE names (~/.pgpass), or '
            'name a service (service=…)'
        )
        raise FleetError(msg)


@contextmanager
def connected(
    url: str, *, seconds: float | None = None, checked: bool = True
) -> Iterator[Connection]:
    """Connect for the body, each statement of which is a transaction of its own.

    Args:
        url: As libpq has it: a URL, or `service=fleet`; empty for what the environment says.
        seconds: Limit of each statement, and of connecting.
        checked: Whether to make sure that the schema is there and of this version.

    Raises:
        FleetError: The server cannot be reached, or refuses.
    """
    require_no_password(url)
    with explained(url):
        wanted = {
            key: value for key, value in _DEFAULTS.items() if key not in conninfo_to_dict(url)
        }
        if seconds is not None:
            wanted['connect_timeout'] = max(2, round(seconds))  # libpq takes no less
        with WatchedConnection.connect(
            make_conninfo(url, **wanted), autocommit=True
        ) as connection:
            connection.watch(_PATIENCE if seconds is None else seconds + _GRACE)
            for setting in _SESSION:
                connection.execute(setting)
            if seconds is not None:
                limit = str(round(seconds * 1e3))
                connection.execute("SELECT set_config('statement_timeout', %s, false)", [limit])
            if checked:
                require_schema(connection)
                register_vector(connection)
            yield connection


@contextmanager
def one_moment(connection: Connection) -> Iterator[None]:
    """Let all statements of the body see the server as it is at the first of them."""
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    try:
        with connection.transaction():
            yield
    finally:
        if not connection.closed:
            connection.isolation_level = None


@contextmanager
def explained(url: str) -> Iterator[None]:
    """Turn the client's errors into those of vpr_ros, which name the server and say what to do."""
    try:
        yield
    except VprError:
        raise
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        if isinstance(error, errors.QueryCanceled):
            msg = f'{_server(url)}: did not answer in time'
        elif _NO_SERVICE in str(error):
            msg = (
                f'{_server(url)}: is in no service file: write it into ~/.pg_service.conf, or the '
                'file that PGSERVICEFILE names'
            )
        else:
            msg = f'{_server(url)}: cannot be reached, or broke off: {_reason(error)}'
        raise FleetUnreachableError(msg) from error
    except errors.InsufficientPrivilege as error:
        msg = (
            f'{_server(url)}: this role may not do that ({_reason(error)}): ask the owner for '
            '`vpr fleet grant`'
        )
        raise FleetAccessError(msg) from error
    except errors.ReadOnlySqlTransaction as error:
        msg = (
            f'{_server(url)}: is a replica, or only to be read: what changes something goes to '
            f'the primary ({_reason(error)})'
        )
        raise FleetAccessError(msg) from error
    except psycopg.Error as error:
        msg = f'{_server(url)}: cannot do that: {_reason(error)}'
        raise FleetError(msg) from error
    except UnicodeEncodeError as error:
        msg = f'{error.object!r} is no text: it has bytes that are not UTF-8'
        raise FleetError(msg) from error


def _reason(error: Exception) -> str:
    return ' '.join(str(error).split()) or type(error).__name__


def _server(url: str) -> str:
    """Return what a message calls the server."""
    given = {each.keyword.decode(): each.val.decode() for each in _options() if each.val}
    given |= {key: str(value) for key, value in conninfo_to_dict(url).items()}
    if 'service' in given:
        return f'the service {given["service"]}'
    host, port = given.get('host', 'localhost'), given.get('port', 5432)
    return f'the server {host}:{port}'


def _options() -> list[ConninfoOption]:
    """Return the options of libpq, with what the environment says of them."""
    return Conninfo.get_defaults()
