# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Forks nodes off a process that has imported them once: importing takes longer than most tests.

Run as a program, this is that process. A forked node is a process like any other, which ends as
its program would.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from functools import cache
from importlib import import_module
from pathlib import Path

from vpr_ros.bench.node_process import NodeProcess

NODES = ('place_recognition_node', 'map_builder_node', 'loop_closure_node')


class ForkedProcess:
    """What `subprocess.Popen` offers of a process, for one that was forked elsewhere."""

    def __init__(self, address: str, request: dict) -> None:
        self._keeper = socket.socket(socket.AF_UNIX)
        self._keeper.connect(address)
        self._said = self._keeper.makefile()
        self._keeper.sendall(json.dumps(request).encode() + b'\n')
        self.pid = int(self._said.readline())
        self.returncode: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._keeper], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            self.returncode = int(self._said.readline())
            self._said.close()
            self._keeper.close()
        return self.returncode

    def poll(self) -> int | None:
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class ForkedNode(NodeProcess):
    """A node that is forked instead of started from its program."""

    def _launch(self, command: list[str]) -> ForkedProcess:
        self.log.touch()
        request = {
            'argv': command,
            'env': dict(os.environ),
            'cwd': str(Path.cwd()),
            'log': str(self.log.resolve()),
        }
        return ForkedProcess(_server(), request)


@cache
def _server() -> str:
    """Start the process that forks, and return its address."""
    folder = tempfile.TemporaryDirectory(prefix='vpr-', dir='/tmp')  # addresses must be short
    address = f'{folder.name}/nodes'
    process = subprocess.Popen(
        [sys.executable, __file__, address],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )

    @atexit.register
    def end() -> None:
        process.communicate()
        folder.cleanup()

    assert process.stdout.readline() == b'ready\n'
    return address


def serve(address: str) -> int:
    """Fork a node for each request, until nobody can send one any more."""
    mains = {name: import_module(f'vpr_ros.nodes.{name}').main for name in NODES}
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    print('ready', flush=True)
    while listener in select.select([sys.stdin, listener], [], [])[0]:
        connection = listener.accept()[0]
        if os.fork() == 0:
            listener.close()
            return _keep(connection, mains)
        connection.close()
        _reap(os.WNOHANG)
    _reap(0)
    return 0


def _reap(options: int) -> None:
    """Take note of processes that ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, options)[0]:
            pass


def _keep(connection: socket.socket, mains: dict) -> int:
    """Fork a node, and tell its number and its exit status."""
    request = json.loads(connection.makefile().readline())
    if pid := os.fork():
        connection.sendall(f'{pid}\n'.encode())
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        connection.sendall(f'{status}\n'.encode())
        os._exit(0)
    connection.close()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    log = os.open(request['log'], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream, target in ((0, os.open(os.devnull, os.O_RDONLY)), (1, log), (2, log)):
        os.dup2(target, stream)
    os.chdir(request['cwd'])
    os.environ.clear()
    os.environ.update(request['env'])
    sys.argv = request['argv']
    return mains[Path(sys.argv[0]).name]()


if __name__ == '__main__':
    sys.exit(serve(sys.argv[1]))
