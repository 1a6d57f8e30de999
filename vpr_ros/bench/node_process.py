# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Runs nodes of this package as child processes, for demonstration, benchmark and tests."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from ament_index_python.packages import get_package_prefix

from vpr_ros.errors import VprError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from typing_extensions import Self

    from vpr_ros.nodes.parameter_fields import Value


def reliable(*topics: str) -> dict[str, Value]:
    """Return the parameters that make a node's subscriptions of topics reliable.

    For lockstep: a best-effort subscriber can miss the first messages, which come before it knows
    of their sender.
    """
    return {f'qos_overrides.{topic}.subscription.reliability': 'reliable' for topic in topics}


class NodeProcess:
    """A node of this package in a process of its own; stopped when the context ends.

    Args:
        executable: For example ``map_builder_node``.
        log: File that takes everything the node prints.
        remappings: Topics by the names in the node.
        parameters: Values by name; all others have their defaults.
    """

    def __init__(
        self,
        executable: str,
        log: Path,
        remappings: Mapping[str, str] | None = None,
        parameters: Mapping[str, Value] | None = None,
    ) -> None:
        command = [str(Path(get_package_prefix('vpr_ros')) / 'lib' / 'vpr_ros' / executable)]
        command.append('--ros-args')
        for inner, outer in (remappings or {}).items():
            command += ['-r', f'{inner}:={outer}']
        for name, value in (parameters or {}).items():
            text = str(value).lower() if isinstance(value, bool) else str(value)
            command += ['-p', f'{name}:={text}']
        self.executable = executable
        self.log = log
        self.process = self._launch(command)

    def _launch(self, command: list[str]) -> subprocess.Popen[bytes]:
        with self.log.open('wb') as file:
            # The command is ours; nothing in it passes through a shell.
            return subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)  # noqa: S603

    @property
    def output(self) -> str:
        """The output of the node so far."""
        return self.log.read_text(errors='replace')

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self.process.poll() is None

    def check(self) -> None:
        """Raise VprError with the end of its log where the node has died."""
        if not self.alive:
            msg = (
                f'{self.executable} ended with status {self.process.returncode}; the end of its'
                f' output ({self.log}):\n{self.output[-2000:]}'
            )
            raise VprError(msg)

    def stop(self, how: signal.Signals = signal.SIGINT, timeout: float = 60.0) -> int:
        """Send a signal and return the exit status; a node that will not end is killed."""
        self.process.send_signal(how)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self.alive:
            return
        status = self.stop()
        if status and error is None:
            msg = f'{self.executable} did not end in order (status {status}); see {self.log}'
            raise VprError(msg)
