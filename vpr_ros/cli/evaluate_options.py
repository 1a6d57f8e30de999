# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the commands that evaluate share: their options, where results go, and a warning."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vpr_ros.errors import VprError

if TYPE_CHECKING:
    from rich.console import Console

    from vpr_ros.types import ModelInfo

Distance = Annotated[
    float,
    typer.Option('--tolerance', min=0, help='Right within this distance of the truth, metres.'),
]
Angle = Annotated[
    float | None, typer.Option('--angle', min=0, help='... and within this angle, degrees.')
]
JsonPath = Annotated[
    Path | None, typer.Option('--json', help='Write everything as JSON; - for stdout.')
]
Report = Annotated[Path | None, typer.Option('--report', help='Write a page to look at.')]


def require_folders(*files: Path | None) -> None:
    """Make sure that results will have a place, before the work that leads to them.

    Raises:
        VprError: A file lies in no folder that exists.
    """
    for path in files:
        if path is not None and not path.absolute().parent.is_dir():
            msg = f'{path} cannot be written: there is no folder {path.absolute().parent}'
            raise VprError(msg)


def warn_untrained(console: Console, model: ModelInfo) -> None:
    """Say what figures are worth where the network has learnt nothing."""
    if not model.trained:
        console.print(
            f'The weights of {model.name} were never trained: the figures show that the '
            'pipeline works, not how well a trained network recognises places.',
            style='bold yellow',
        )
