# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr explain``: what in an image does the network go by?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vpr_ros.cli.localize_options import ModelName
from vpr_ros.cli.options import Device, Weights
from vpr_ros.errors import ImageError, VprError
from vpr_ros.types import DEFAULT_MODEL

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vpr_ros.localize import Localization


def explain(
    image: Annotated[Path, typer.Argument(metavar='IMAGE', help='JPEG, PNG or TIFF.')],
    map_path: Annotated[
        Path | None, typer.Argument(metavar='MAP', help='Find the image in this place map.')
    ] = None,
    *,
    map_bag: Annotated[
        Path | None,
        typer.Option(help='Bag the map was built from: shows the place that was found.'),
    ] = None,
    map_image_topic: Annotated[str | None, typer.Option(help='Images of the map bag.')] = None,
    output: Annotated[
        Path, typer.Option('--output', '-o', help='Picture to write, PNG or JPEG.')
    ] = Path('explanation.png'),
    width: Annotated[int, typer.Option(min=80, max=2000, help='Of a panel, pixels.')] = 360,
    model: ModelName = None,
    weights: Weights = None,
    device: Device = 'auto',
) -> None:
    """Draw where a network attends, what counts in its descriptor and which regions it pools.

    With a map, the image is found in it first; with the map's bag, the place found is drawn below
    the image, and the regions of the two are compared.
    """
    from vpr_ros.describe.explanation import Explainer
    from vpr_ros.describe.explanation_picture import Shown, picture
    from vpr_ros.inputs.frames import ImageFile

    if map_bag is not None and map_path is None:
        msg = '--map-bag shows the place found in a map: name the map too'
        raise VprError(msg)
    if output.suffix.lower() not in ('.png', '.jpg', '.jpeg'):
        msg = f'{output} must end in .png or .jpg'
        raise VprError(msg)
    try:
        rgb = ImageFile(image).rgb
    except ImageError as error:
        msg = f'{image}: {error}'
        raise ImageError(msg) from error
    found = None
    if map_path is not None:
        model, found = _found(image, map_path, model, weights, device)
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
    _write(picture(rows, caption, width), output)
    typer.echo(str(output))


def _found(
    image: Path, map_path: Path, model: str | None, weights: Path | None, device: str
) -> tuple[str, Localization]:
    """Find the image in the map, print the candidates, and return the map's model too."""
    from vpr_ros.cli.localize_options import localizing
    from vpr_ros.cli.query_command import show
    from vpr_ros.inputs.frames import ImageFile
    from vpr_ros.localize import DecisionConfig

    opened = localizing(map_path, model, weights, device, config=DecisionConfig(), candidates=100)
    with opened as (place_map, localizer):
        found = localizer.localize(ImageFile(image), k=5)
        show(image, found, place_map)
        return place_map.model.name, found


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


def _write(rgb: NDArray[np.uint8], path: Path) -> None:
    import cv2

    _, encoded = cv2.imencode(path.suffix.lower(), rgb[..., ::-1])
    path.write_bytes(encoded.tobytes())
