# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Commands of vpr, run in the process of the test, and the small files that they read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpr_ros.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path


def run(*arguments: object) -> int:
    """Run a command and return its exit status."""
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as end:
        return end.code or 0


def touch(folder: Path, *names: str) -> Path:
    """Make empty files in a folder, and return it."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b'')
    return folder
