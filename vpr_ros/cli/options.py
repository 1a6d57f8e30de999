# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Options that commands of several parts share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping

MapPath = Annotated[Path, typer.Argument(metavar='MAP', help='A place map (.vprmap).')]
Sessions = Annotated[
    list[int] | None, typer.Option('--session', metavar='ID', help='May be given several times.')
]
Network = Annotated[str, typer.Option('--model', help='Network that describes the images.')]
Weights = Annotated[Path | None, typer.Option('--weights', help='Weights file of the network.')]
Device = Annotated[str, typer.Option('--device', help='auto, cpu, cuda or cuda:N.')]
AsJson = Annotated[bool, typer.Option('--json', help='Print JSON.')]


def format_option(option: str, formats: Mapping[str, str]) -> Any:
    """Return an option whose choices are these names, with a line of help for each."""

    def chosen(name: str) -> str:
        if name not in formats:
            msg = f'{name!r} is not one of {", ".join(formats)}'
            raise typer.BadParameter(msg)
        return name

    return typer.Option(
        option,
        parser=chosen,
        metavar=f'[{"|".join(formats)}]',
        help='; '.join(f'{name}: {text}' for name, text in formats.items()) + '.',
        autocompletion=lambda: list(formats),
    )
