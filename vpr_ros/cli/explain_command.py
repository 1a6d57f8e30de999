# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr explain``: draws which parts of an image the network uses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vpr_ros.cli import console, query_command
from vpr_ros.cli import options as opt
from vpr_ros.errors import VprError
from vpr_ros.types import DEFAULT_MODEL

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vpr_ros.localize import Localization


def explain(
    context: typer.Context,
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar='[MAP] IMAGE',
            help='A JPEG, PNG or TIFF; before it, if wanted, the place map to find it in.',
        ),
    ],
    *,
    map_bag: opt.MapBag = None,
    map_image_topic: opt.MapImageTopic = None,
    output: Annotated[
        Path, typer.Option('--output', '-o', help='Picture to write, PNG or JPEG.')
    ] = Path('explanation.png'),
    width: Annotated[int, typer.Option(min=80, max=2000, help='Of a panel, pixels.')] = 360,
    model: opt.ModelName = None,
    weights: opt.Weights = None,
    device: opt.Device = 'auto',
    as_json: opt.AsJson = False,
) -> None:
    """Draw the attention of a network, the weight of each part in its descriptor, and its regions.

    With a map, the image is found in it first; with the map's bag, the place found is drawn below
    the image, and the regions of the two are compared.
    """
    image, map_path = inputs[-1], inputs[0] if len(inputs) > 1 else None
    if len(inputs) > 2 or image.suffix.lower() == opt.MAP_SUFFIX:
        msg = 'the order is `vpr explain [MAP] IMAGE`, with one image'
        raise typer.BadParameter(msg)
    opt.check_map(map_path)
    if map_bag is not None and map_path is None:
        msg = '--map-bag shows the place found in a map: name the map too'
        raise typer.BadParameter(msg)
    if output.suffix.lower() not in ('.png', '.jpg', '.jpeg'):
        msg = f'--output {output} must end in .png or .jpg'
        raise typer.BadParameter(msg)
    opt.refuse_idle(context, 'without a map', 'device', when=map_path is None)
    opt.refuse_idle(context, 'without --map-bag', 'map_image_topic', when=map_bag is None)
    console.require_folders(output)
    import cv2

    from vpr_ros.describe.explanation import Explainer
    from vpr_ros.describe.explanation_picture import Shown, picture
    from vpr_ros.inputs.frames import ImageFile

    rgb = ImageFile(image).rgb
    found: Localization | None = None
    about: dict[str, Any] = {}
    if map_path is not None:
        model, found, about = _found(image, map_path, model, weights, device, as_json=as_json)
    explainer = Explainer(model or DEFAULT_MODEL, weights)
    rows = [Shown(image.name, rgb, explainer.explain(rgb))]
    caption = explainer.model + ('' if explainer.trained else ' with untrained weights')
    if found is not None and len(found.candidates):
        best = found.candidates.place(0)
        bits = found.candidates.hamming[0]
        caption += f': place {best.id}, similarity {found.candidates.similarities[0]:.3f}'
        caption += f', {bits} bits differ' if bits >= 0 else ''
        caption += f', {found.decision.status.name}'
        if map_bag is not None:
            place = _picture_at(best.stamp, map_bag, map_image_topic)
            rows.append(Shown(f'place {best.id}', place, explainer.explain(place)))
    _, encoded = cv2.imencode(output.suffix.lower(), picture(rows, caption, width)[..., ::-1])
    output.write_bytes(encoded.tobytes())
    answer: dict[str, Any] = {'image': str(image), 'model': explainer.model, 'output': str(output)}
    if found is not None:
        answer['answer'] = about
    console.say(as_json, answer, str(output))


def _found(
    image: Path,
    map_path: Path,
    model: str | None,
    weights: Path | None,
    device: str,
    *,
    as_json: bool,
) -> tuple[str, Localization, dict[str, Any]]:
    """Find the image in the map and print the candidates.

    Returns:
        The map's model, the answer, and the answer as it is in the JSON.
    """
    from vpr_ros.cli.localizing import localizing
    from vpr_ros.inputs.frames import ImageFile

    with localizing(map_path, model, weights, device, backend='torch') as (place_map, localizer):
        found = localizer.localize(ImageFile(image), k=5)
        query_command.show(image, found, place_map, console.console(stderr=as_json))
        answer = query_command.answer_of(image, found, place_map)
        return place_map.model.name, found, answer


def _picture_at(stamp: int, bag: Path, topic: str | None) -> NDArray[np.uint8]:
    """Return a bag's picture of this stamp.

    Raises:
        VprError: It has none.
    """
    from vpr_ros.evaluation.bag_evaluation import frame_pictures
    from vpr_ros.inputs.bags import Bag, choose_image

    with Bag(bag) as opened:
        name = choose_image(opened, topic).name
        pictures = frame_pictures(opened, name)({stamp})
    if stamp not in pictures:
        msg = f'{bag} has no image on {name} with the stamp {stamp}: was the map built from it?'
        raise VprError(msg)
    return pictures[stamp]
