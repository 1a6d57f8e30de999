# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr map redescribe``."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vpr_ros.cli import options as opt
from vpr_ros.cli.console import progress_bar, say
from vpr_ros.cli.map_edit import sessions_of
from vpr_ros.wording import counted

if TYPE_CHECKING:
    from vpr_ros.maps import PlaceMap


def redescribe(
    context: typer.Context,
    path: opt.MapPath,
    *,
    bag: Annotated[
        list[str] | None,
        typer.Option(
            metavar='[SESSION=]BAG',
            callback=opt.check_not_map,
            help='Bag that the map was made from; several times.',
        ),
    ] = None,
    image_topic: Annotated[
        list[str] | None,
        typer.Option(
            metavar='[CAMERA=]TOPIC', help='Topic of a camera in the bags; several times.'
        ),
    ] = None,
    model: opt.ModelName = None,
    weights: opt.Weights = None,
    device: opt.Device = 'auto',
    output: Annotated[
        Path | None,
        typer.Option(
            '--output',
            '-o',
            callback=opt.check_new_map,
            help='The map to write; the map itself is changed, if not given.',
        ),
    ] = None,
    drop_missing: Annotated[
        bool, typer.Option('--drop-missing', help='Delete the places of which there is no image.')
    ] = False,
    as_json: opt.AsJson = False,
) -> None:
    """Describe the places of a map anew, with another model or other weights.

    The images come from the bags, found by stamp and camera; those of places that are in no bag
    from the thumbnails, which show less. Codes and shortened descriptors that were fitted on the
    map are fitted again. All else stays. Interrupted, it changes nothing.
    """
    opt.refuse_idle(context, 'without --bag', 'image_topic', when=not bag)
    from vpr_ros.describe import Describer
    from vpr_ros.inputs.bags import Bag
    from vpr_ros.mapping.redescribing import PlaceImages, images_of, redescribe
    from vpr_ros.maps import MapWriter, PlaceMap, changed_copy

    with PlaceMap.open(path, memory_budget=0) as known:
        model = model or known.model.name
        cameras = {camera.name for camera in known.snapshot.cameras.values()}
        named = [_bag(text, known) for text in bag or ()]
    topics = dict(_topic(text) for text in image_topic or ())
    with ExitStack() as stack:
        bags = [(stack.enter_context(Bag(each)), session) for session, each in named]
        sources = [
            PlaceImages(images_of(each, cameras, topics), each.path.name, session)
            for each, session in bags
        ]
        describer = Describer(model, device=device, weights=weights)
        progress = stack.enter_context(progress_bar(f'describing {path.name}'))
        place_map = stack.enter_context(
            MapWriter.open(path, memory_budget=0) if output is None else changed_copy(path, output)
        )
        done = redescribe(
            place_map, describer, sources, drop_missing=drop_missing, progress=progress
        )
    with PlaceMap.open(output or path, memory_budget=0) as described:
        about = described.info()
    dropped = f'; {done.dropped} without an image deleted' if done.dropped else ''
    shortened = f', shortened to {about.descriptor_dim} elements' * (
        about.descriptor_dim != about.model.descriptor_dim
    )
    say(
        as_json,
        {**asdict(done), 'map': asdict(about)},
        f'{output or path}: {counted(about.places, "place")} described by {model}, '
        f'{done.from_bags} from bags and {done.from_thumbnails} from thumbnails{dropped}; '
        f'codes of {about.code_bits} bits ({about.coder or "none"}){shortened}',
    )


def _bag(text: str, known: PlaceMap) -> tuple[int | None, Path]:
    """Return the session that a bag is of, None where it is not told, and its path."""
    session, separator, path = text.partition('=')
    if not separator or Path(text).exists():
        return None, Path(text)
    (number,) = sessions_of(known, [session], known.path)
    return number, Path(path)


def _topic(text: str) -> tuple[str, str]:
    """Return the camera, empty for the only one, and its topic."""
    camera, separator, topic = text.rpartition('=')
    return (camera, topic) if separator else ('', text)
