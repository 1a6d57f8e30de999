# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Options that commands of several parts share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

MapPath = Annotated[Path, typer.Argument(metavar='MAP', help='A place map (.vprmap).')]
Sessions = Annotated[
    list[int] | None, typer.Option('--session', metavar='ID', help='May be given several times.')
]
Network = Annotated[str, typer.Option('--model', help='Network that describes the images.')]
Weights = Annotated[Path | None, typer.Option('--weights', help='Weights file of the network.')]
Device = Annotated[str, typer.Option('--device', help='auto, cpu, cuda or cuda:N.')]
AsJson = Annotated[bool, typer.Option('--json', help='Print JSON.')]
