# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The viewer of Rerun, started on a recording."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from vpr_ros.errors import VprError

if TYPE_CHECKING:
    from pathlib import Path

_DISPLAYS = 'DISPLAY', 'WAYLAND_DISPLAY', 'WAYLAND_SOCKET'


def require_display() -> None:
    """Make sure that a window can be opened.

    Raises:
        VprError: There is no display.
    """
    if sys.platform.startswith('linux') and not any(map(os.environ.get, _DISPLAYS)):
        msg = 'there is no display to open the viewer on'
        raise VprError(msg)


def open_viewer(path: Path) -> None:
    """Open a recording in the viewer, and wait until that is closed.

    Raises:
        VprError: The viewer failed.
    """
    # Of this machine alone: by default it would take recordings from everywhere.
    options = ['--new', '--bind', '127.0.0.1']
    status = subprocess.run(  # noqa: S603  the program is that of the package
        [sys.executable, '-m', 'rerun', *options, str(path)], check=False
    ).returncode
    if status:
        msg = (
            f'the viewer of Rerun ended with status {status}: what it printed says why; a '
            'recording in a file can be looked at on another machine'
        )
        raise VprError(msg)
