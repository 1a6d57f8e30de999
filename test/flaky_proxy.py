# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A network that fails: a proxy on loopback that delays, loses and cuts what passes."""

from __future__ import annotations

import contextlib
import socket
import threading
import time


class Proxy:
    """Passes connections on to a port of 127.0.0.1.

    Attributes:
        port: Where it listens.
        delay: Seconds that each piece takes.
        lossy: Whether nothing arrives any more, while connections stay open.
        closed: Whether new connections are cut at once.
        reached: Set once somebody connected.
        budget: Bytes that pass before all is cut; None: any number.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(('127.0.0.1', 0))
        self.port = self._listener.getsockname()[1]
        self.delay, self.lossy, self.closed = 0.0, False, False
        self.budget: int | None = None
        self.reached = threading.Event()
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Cut all connections."""
        for end in self._open:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def close(self) -> None:
        self.closed = True
        self._listener.close()
        self.cut()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(('127.0.0.1', self._target))
            except OSError:
                near.close()
                continue
            if self.closed:
                near.close()
                far.close()
                continue
            self._open += [near, far]
            self.reached.set()
            for ends in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=ends, daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(1 << 16):
                if self.delay:
                    time.sleep(self.delay)
                if self.lossy:
                    continue
                if self.budget is not None:
                    self.budget -= len(data)
                    if self.budget < 0:
                        break
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
