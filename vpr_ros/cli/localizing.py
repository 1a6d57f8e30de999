# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the commands that localise share: their options, the network and the map."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vpr_ros.decision import DecisionConfig, Localizer
    from vpr_ros.maps import PlaceMap

MapPath = Annotated[Path, typer.Argument(metavar='MAP', help='A place map (.vprmap).')]
ModelName = Annotated[
    str | None,
    typer.Option('--model', help='Network; the one the map was made with, if not given.'),
]
Weights = Annotated[Path | None, typer.Option('--weights', help='Weights file of the network.')]
Device = Annotated[str, typer.Option('--device', help='auto, cpu, cuda or cuda:N.')]
Candidates = Annotated[
    int,
    typer.Option(
        '--candidates', min=1, help='Places nearest by Hamming distance compared by floats.'
    ),
]
MinSimilarity = Annotated[
    float, typer.Option('--min-similarity', help='Below it a place counts as never mapped.')
]
MaxDistanceRatio = Annotated[
    float,
    typer.Option(
        '--max-distance-ratio', help='Best over best elsewhere; above it places look alike.'
    ),
]
PlaceRadius = Annotated[
    float, typer.Option('--place-radius', help='Places within this distance are one, metres.')
]


@contextmanager
def localizing(
    path: Path,
    model: str | None,
    weights: Path | None,
    device: str,
    *,
    config: DecisionConfig,
    k: int,
    candidates: int,
) -> Iterator[tuple[PlaceMap, Localizer]]:
    """Open a map with the network that made it, and close it again.

    Raises:
        VprError: The map or the weights cannot be used, or do not belong together.
    """
    from vpr_ros.decision import Localizer
    from vpr_ros.describe import Describer
    from vpr_ros.maps import PlaceMap
    from vpr_ros.retrieval import Retriever

    if model is None:
        with PlaceMap.open(path) as place_map:
            model = place_map.model.name
    describer = Describer(model, device=device, weights=weights)
    with PlaceMap.open(path, model=describer.model_info) as place_map:
        retriever = Retriever(place_map)
        yield place_map, Localizer(describer, retriever, config, k=k, candidates=candidates)
