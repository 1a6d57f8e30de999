# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr train adapt``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from vpr_ros.cli import options as opt
from vpr_ros.cli.console import progress_bar, say


def adapt(
    map_path: opt.MapPath,
    *,
    bag: Annotated[
        list[Path],
        typer.Option(
            metavar='BAG',
            callback=opt.check_not_map,
            help='Drive past the places of the map, with poses in its frame; several times.',
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            '--output', '-o', callback=opt.check_folder, help='Model to write (.safetensors).'
        ),
    ],
    hold_out: Annotated[
        tuple[float, float],
        typer.Option(
            metavar='FROM TO', help='Stretch of each bag that judges the result, shares of it.'
        ),
    ] = (0.0, 0.3),
    image_topic: opt.ImageTopic = None,
    pose_topic: opt.PoseTopic = None,
    tolerance: opt.Distance = 5.0,
    angle: opt.Angle = 45.0,
    model: opt.ModelName = None,
    weights: opt.Weights = None,
    device: opt.Device = 'auto',
    as_json: opt.AsJson = False,
) -> None:
    """Adapt the projection and the codes of a model to the robot's own map.

    A stretch of each bag is held out. A model that does not recognise more of it than before
    is not written, and the exit status is 1.
    """
    from vpr_ros import models
    from vpr_ros.cli.localizing import tolerance_of
    from vpr_ros.describe import Describer
    from vpr_ros.describe.loading import resolve
    from vpr_ros.maps import PlaceMap
    from vpr_ros.training.adapting import adapt as fit
    from vpr_ros.training.adapting import require_adaptable, write_adapted
    from vpr_ros.training.posed_descriptors import described_drives, mapped

    start, stop = hold_out
    if not 0 <= start < stop <= 1 or stop - start == 1:
        msg = f'--hold-out takes two rising shares of a bag, such as 0 0.3, not {start} {stop}'
        raise typer.BadParameter(msg)
    if output.suffix != '.safetensors' or output.stem in models.registered():
        msg = f'name a file of its own that ends in .safetensors, not {output}'
        raise typer.BadParameter(msg)
    with PlaceMap.open(map_path, memory_budget=0) as known:
        entry = resolve(model or known.model.name, weights)
    require_adaptable(entry)
    right = tolerance_of(tolerance, angle)
    describer = Describer(model or entry.name, device=device, weights=weights)
    opened = PlaceMap.open(map_path, model=describer.model_info)
    with opened as place_map, progress_bar('describing images') as progress:
        places = mapped(place_map)
        topics = image_topic, pose_topic
        drive, held = described_drives(place_map, describer, bag, topics, (start, stop), progress)
        bits = place_map.model.code_bits
    state, found = fit(places, drive, held, right, bits)
    card = write_adapted(entry, state, output, {'held_out': asdict(found)})
    say(
        as_json,
        {'output': str(output), 'name': card.name, **asdict(found)},
        f'{output}: of {found.images} held-out images {found.before:.1%} were recognised before, '
        f'{found.after:.1%} now (won {found.won}, lost {found.lost}; {found.codes_after:.1%} by '
        f'codes alone). Its maps and its calibration are its own; with the bags of the map and '
        'others:\n'
        f'    vpr map redescribe {map_path} --model {output} --bag BAG --output NEW.vprmap\n'
        f'    vpr calibrate NEW.vprmap BAG BAG --output CALIBRATION.yaml',
    )
