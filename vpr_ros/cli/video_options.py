# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Options of videos."""

from __future__ import annotations

from typing import Annotated

import typer

from vpr_ros.stamps import parse_stamp

Start = Annotated[
    str,
    typer.Option(metavar='SECONDS', help='Video: stamp of its first frame, as in --poses.'),
]


def start_stamp(start: str) -> int:
    """Return the nanoseconds of the option."""
    try:
        return parse_stamp(start)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint='--start') from error
