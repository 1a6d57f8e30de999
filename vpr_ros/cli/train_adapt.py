# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr train adapt``."""

from __future__ import annotations

import logging
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vpr_ros.cli import options as opt
from vpr_ros.cli.console import console, progress_bar, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from vpr_ros.cli.recalibrating import OwnDrives
    from vpr_ros.describe import Describer
    from vpr_ros.evaluation import Tolerance
    from vpr_ros.models import ModelSpec


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
            '--output',
            '-o',
            callback=opt.check_folder,
            help='Model to write (.safetensors, or the ending of the network of others that is '
            'adapted); its calibration is written beside it (.calibration.yaml).',
        ),
    ],
    hold_out: Annotated[
        tuple[float, float],
        typer.Option(
            metavar='FROM TO',
            help='Stretch of each bag that judges and calibrates the result, shares of it.',
        ),
    ] = (0.0, 0.3),
    elsewhere: Annotated[
        list[Path] | None,
        typer.Option(
            metavar='BAG',
            callback=opt.check_not_map,
            help='Bag of places that the map does not show, to calibrate by; several times.',
        ),
    ] = None,
    simulate: Annotated[
        bool,
        typer.Option(help='Calibrate by a simulated town, park and building too: minutes more.'),
    ] = True,
    adapters: Annotated[
        bool,
        typer.Option(
            '--adapters',
            help='Train the side adapters of the network too, on the thumbnails of the map: '
            'minutes more.',
        ),
    ] = False,
    image_topic: opt.ImageTopic = None,
    pose_topic: opt.PoseTopic = None,
    tolerance: opt.Distance = 5.0,
    angle: opt.Angle = 45.0,
    model: opt.ModelName = None,
    weights: opt.Weights = None,
    device: opt.Device = 'auto',
    force: Annotated[
        bool, typer.Option('--force', help='Replace a model that is already there.')
    ] = False,
    as_json: opt.AsJson = False,
) -> None:
    """Adapt the projection and the codes of a model to the robot's own map, and calibrate it.

    A stretch of each bag is held out. A model that does not recognise more of it than before, or
    not by more than chance, is not written, and the exit status is 1. Model and calibration are
    written together at the end.
    """
    from vpr_ros.cli.localizing import tolerance_of
    from vpr_ros.cli.recalibrating import OwnDrives
    from vpr_ros.describe import Describer
    from vpr_ros.describe.loading import load_network, resolve
    from vpr_ros.maps import PlaceMap
    from vpr_ros.training import adapting
    from vpr_ros.training.adapted_model import adapted_map, published, write_adapted
    from vpr_ros.training.posed_descriptors import described_drives, mapped

    _check(output, *hold_out, force=force)
    _check_apart(bag, elsewhere or ())
    entry = _model_of(map_path, output, model, weights)
    right, topics = tolerance_of(tolerance, angle), (image_topic, pose_topic)
    _check_bags(bag, *topics)
    _check_bags(elsewhere or (), None, None)

    def described(path: Path, by: Describer, pictures: list[bytes] | None = None) -> Any:
        opened = PlaceMap.open(path, model=by.model_info)
        with opened as place_map, progress_bar('describing images') as progress:
            seen = place_map, by, bag, topics, hold_out, progress, pictures
            return mapped(place_map), *described_drives(*seen)

    describer = Describer(model or entry.name, device=device, weights=weights)
    pictures: list[bytes] | None = [] if adapters else None
    with TemporaryDirectory(prefix='vpr-adapt-') as folder:
        work, base = Path(folder), map_path
        if adapters:
            from vpr_ros.training.side_adapters import from_thumbnails

            base = work / 'thumbnails.vprmap'
            from_thumbnails(map_path, base, describer)
        places, drive, held = described(base, describer, pictures)
        division = adapting.Division.of(places.poses, drive.poses, held, right)
        before = places, drive.part(division.judging)
        if pictures is not None:
            file, base = _with_side_adapters(
                entry, base, drive.poses, pictures, division.fitting, right, work, device
            )
            entry = resolve(str(file))
            places, drive, _ = described(base, Describer(str(file), device=device))
        bits = describer.model_info.code_bits
        fitting, after = drive.part(division.fitting), (places, drive.part(division.judging))
        adaptation = adapting.adapt(places, fitting, right, bits, centred=not entry.projection)
        found = adapting.judge(before, after, adaptation, right)
        found.require_better()
        figures = {'held_out': asdict(found), 'shrinkage': adaptation.shrinkage}
        file = work / 'written' / output.name  # there it keeps its name, as the map does in `own`
        card = write_adapted(entry, load_network(entry)[0], adaptation, file, figures)
        adapted = Describer(str(file), device=device)
        (work / 'own').mkdir()
        own = OwnDrives(work / 'own' / map_path.name, bag, topics, hold_out)
        adapted_map(base, own.map, adaptation, adapted.model_info)
        calibrated = _calibrated(
            own,
            elsewhere or (),
            adapted,
            right,
            work if simulate else None,
            file,
            output,
            device,
            as_json=as_json,
        )
        published(file, output)
    text = (
        f'{output}: {found.words()}; {found.codes_after:.1%} by codes alone\n'
        f'{calibrated.pop("words")}\n'
        'The maps of the model are its own; with the bags that the map was made from:\n'
        f'    vpr map redescribe {map_path} --model {output} --bag BAG --output NEW.vprmap'
    )
    say(as_json, {'output': str(output), 'name': card.name, **asdict(found), **calibrated}, text)


def _check(output: Path, start: float, stop: float, *, force: bool) -> None:
    """Refuse a stretch that is none, the name of another model, and to replace one unasked."""
    from vpr_ros import models
    from vpr_ros.errors import ModelError
    from vpr_ros.models.model_card import ModelCard
    from vpr_ros.training.adapted_model import files_of

    if not 0 <= start < stop <= 1 or stop - start == 1:
        msg = f'--hold-out takes two rising shares of a bag, such as 0 0.3, not {start} {stop}'
        raise typer.BadParameter(msg)
    if output.stem in models.registered():
        msg = f'name a file of its own, not {output}: there is a model {output.stem}'
        raise typer.BadParameter(msg)
    try:
        ModelCard(output.stem)
    except ValueError as error:
        msg = f'the model is named after {output}: {error}'
        raise typer.BadParameter(msg) from error
    if not force and (there := [path for path in files_of(output) if path.exists()]):
        msg = f'{there[0]} is already there; --force replaces it'
        raise ModelError(msg)


def _check_apart(bags: Sequence[Path], elsewhere: Sequence[Path]) -> None:
    """Refuse a bag that is given twice: what it shows would count as often."""
    seen: set[Path] = set()
    for path in (*bags, *elsewhere):
        if path.resolve() in seen:
            msg = f'{path} is given twice; each bag counts once, for its own place or elsewhere'
            raise typer.BadParameter(msg)
        seen.add(path.resolve())


def _model_of(map_path: Path, output: Path, model: str | None, weights: Path | None) -> ModelSpec:
    """Return the model to adapt, that of the map if none is named; refuse a file it cannot be."""
    from vpr_ros.describe.loading import resolve
    from vpr_ros.maps import PlaceMap
    from vpr_ros.training.adapted_model import require_adaptable

    with PlaceMap.open(map_path, memory_budget=0) as known:
        entry = resolve(model or known.model.name, weights)
    if output.suffix != (ending := require_adaptable(entry)):
        msg = f'{entry.name} becomes a file that ends in {ending} when it is adapted, not {output}'
        raise typer.BadParameter(msg)
    return entry


def _check_bags(bags: Sequence[Path], image: str | None, pose: str | None) -> None:
    """Refuse bags without images and poses before the work, and before anything is written."""
    from vpr_ros.inputs.bags import Bag, choose_topics

    for path in bags:
        with Bag(path) as opened:
            choose_topics(opened, image, pose)


def _with_side_adapters(
    entry: ModelSpec,
    map_path: Path,
    poses: NDArray[np.float64],
    pictures: Sequence[bytes],
    fitting: NDArray[np.bool_],
    tolerance: Tolerance,
    folder: Path,
    device: str,
) -> tuple[Path, Path]:
    """Return the files of a model whose side adapters were trained, and of the map by it."""
    from vpr_ros.training.side_adapters import PosedPictures, side_adapted

    quieten_lightning()
    jpegs = [jpeg for jpeg, chosen in zip(pictures, fitting, strict=True) if chosen]
    given = PosedPictures(jpegs, poses[fitting])
    with progress_bar('training side adapters') as progress:
        return side_adapted(entry, map_path, given, tolerance, folder, device, progress)


def quieten_lightning() -> None:
    """Keep Lightning from telling what it found on this machine, and what else it offers."""
    for library in ('lightning.pytorch', 'lightning.fabric'):
        logging.getLogger(library).setLevel(logging.ERROR)


def _calibrated(
    own: OwnDrives,
    elsewhere: Sequence[Path],
    describer: Describer,
    tolerance: Tolerance,
    worlds: Path | None,
    file: Path,
    output: Path,
    device: str,
    *,
    as_json: bool,
) -> dict[str, Any]:
    """Write the calibration of an adapted model, if there can be one; return what to say of it."""
    from vpr_ros.cli.calibrate_command import show
    from vpr_ros.cli.recalibrating import recalibrate
    from vpr_ros.localize import CalibrationError
    from vpr_ros.training.adapted_model import calibration_of

    path = calibration_of(output)
    means = {'model': str(file), 'weights': None, 'device': device}
    try:
        result = recalibrate(own, elsewhere, describer, tolerance, worlds, **means)
    except CalibrationError as error:
        words = f'It has no calibration, so that its probabilities are not known: {error}'
        return {'calibration': None, 'why_not': str(error), 'words': words}
    result.calibration.save(calibration_of(file))
    show(result, console(stderr=as_json))
    found = own.judged(result)
    words = (
        f'Its calibration, for --calibration and the parameter of nodes: {path}. Fitted to the '
        f'others it accepts {found["accepted"]} of {found["images"]} held-out images '
        f'({found["stage"]}), {found["wrong"]} of them wrong: here at least '
        f'{found["precision"]:.1%} of what it accepts is right, with 95 % confidence'
    )
    quality = result.calibration.quality
    return {'calibration': str(path), 'quality': quality, 'own': found, 'words': words}
