# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the commands that localise share: their options, the network and the map."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from vpr_ros.localize import DecisionConfig, Localizer, Verifier
    from vpr_ros.maps import PlaceMap

ModelName = Annotated[
    str | None,
    typer.Option('--model', help='Network; the one the map was made with, if not given.'),
]
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

CalibrationFile = Annotated[
    str,
    typer.Option(
        '--calibration',
        help='File made by vpr calibrate, or none; the one in the package, if not given.',
    ),
]
Temporal = Annotated[
    str,
    typer.Option('--temporal', help='What the frames before say: none, bayes or sequence.'),
]
NO_FILTER = 'none'


@contextmanager
def localizing(
    path: Path,
    model: str | None,
    weights: Path | None,
    device: str,
    *,
    config: DecisionConfig,
    candidates: int,
    calibration: str = '',
    temporal: str = NO_FILTER,
    verifying: Callable[[PlaceMap], Verifier] | None = None,
) -> Iterator[tuple[PlaceMap, Localizer]]:
    """Open a map with the network that made it, and close it again.

    Raises:
        VprError: The map or the weights cannot be used, or do not belong together.
    """
    from vpr_ros.describe import Describer
    from vpr_ros.errors import VprError
    from vpr_ros.localize import FILTERS, Localizer, calibration_for, make_filter
    from vpr_ros.maps import PlaceMap
    from vpr_ros.search import Retriever

    if model is None:
        with PlaceMap.open(path) as place_map:
            model = place_map.model.name
    describer = Describer(model, device=device, weights=weights)
    learnt = calibration_for(describer.model_info, calibration)
    if temporal not in (NO_FILTER, *FILTERS):
        msg = f'there is no filter {temporal!r}; there are {NO_FILTER}, {", ".join(FILTERS)}'
        raise VprError(msg)
    if temporal != NO_FILTER and learnt is None:
        msg = (
            f'the filter {temporal} needs to know what similarities mean, and there is no '
            f'calibration of {model}: make one with `vpr calibrate` and give it as --calibration'
        )
        raise VprError(msg)
    with PlaceMap.open(path, model=describer.model_info) as place_map:
        filtering = None
        if temporal != NO_FILTER and learnt is not None:
            filtering = make_filter(temporal, lambda: place_map.snapshot.columns, learnt.places)
        yield (
            place_map,
            Localizer(
                describer,
                Retriever(place_map),
                config,
                candidates=candidates,
                calibration=learnt,
                temporal=filtering,
                verifier=None if verifying is None else verifying(place_map),
            ),
        )
