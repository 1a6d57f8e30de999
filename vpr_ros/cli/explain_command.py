# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr explain``: draws which parts of an image the network uses."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vpr_ros.cli import console, query_command
from vpr_ros.cli import options as opt
from vpr_ros.cli.model_names import require_model
from vpr_ros.errors import VprError
from vpr_ros.types import DEFAULT_MODEL

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vpr_ros.describe.explanation import Explainer
    from vpr_ros.inputs.frames import ImageFile, VideoFrame
    from vpr_ros.localize import Localizer
    from vpr_ros.maps import PlaceMap


def explain(
    context: typer.Context,
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar='[MAP] IMAGE',
            help='An image, a folder of images or a video; before it, if wanted, the place map to '
            'find it in.',
        ),
    ],
    *,
    map_bag: opt.MapBag = None,
    map_image_topic: opt.MapImageTopic = None,
    output: Annotated[
        Path | None,
        typer.Option(
            '--output',
            '-o',
            help='Picture to write, PNG or JPEG (explanation.png); for a folder or a video, the '
            'folder to write pictures in (explanation).',
        ),
    ] = None,
    width: Annotated[int, typer.Option(min=80, max=2000, help='Of a panel, pixels.')] = 360,
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar='MODEL',
            callback=opt.each(partial(require_model, backbones=True)),
            help='Network or backbone, or its file; that of the map, if not given. Several are '
            'drawn below each other.',
        ),
    ] = None,
    weights: opt.Weights = None,
    device: opt.Device = 'auto',
    as_json: opt.AsJson = False,
) -> None:
    """Draw the attention of a network, the weight of each part in its descriptor, and its regions.

    Where a side network adapts a frozen transformer, its features are drawn instead of the
    attention, and so they are where several networks are compared.

    With a map, the image is found in it first; with the map's bag, the place found is drawn below
    the image, and the regions of the two are compared. Of a video, a frame a second is explained.
    """
    names = model or []
    several = len(names) > 1
    if several and (len(inputs) > 1 or weights is not None):
        msg = 'several models are compared by their own weights and without a map'
        raise typer.BadParameter(msg)
    image, map_path = inputs[-1], inputs[0] if len(inputs) > 1 else None
    if len(inputs) > 2 or image.suffix.lower() == opt.MAP_SUFFIX:
        msg = 'the order is `vpr explain [MAP] IMAGE`, with one image'
        raise typer.BadParameter(msg)
    from vpr_ros.inputs.frames import is_video

    opt.check_map(map_path)
    if map_bag is not None and map_path is None:
        msg = '--map-bag shows the place found in a map: name the map too'
        raise typer.BadParameter(msg)
    opt.refuse_idle(context, 'without a map', 'device', when=map_path is None)
    opt.refuse_idle(context, 'without --map-bag', 'map_image_topic', when=map_bag is None)
    from vpr_ros.cli.localizing import localizing, pictures_of
    from vpr_ros.describe.explanation import Explainer

    many = image.is_dir() or is_video(image)
    target = _target(output, many=many)
    pictures = pictures_of(image, 1.0)
    answers, failed = [], False
    with ExitStack() as stack:
        opened = None
        if map_path is not None:
            opened = stack.enter_context(
                localizing(map_path, names[0] if names else None, weights, device, few=True)
            )
            names = [names[0] if names else opened[0].model.name]
        explainers = tuple(Explainer(name, weights) for name in names or [DEFAULT_MODEL])
        drawing = _Drawing(explainers, opened, map_bag, map_image_topic, width)
        for opens in pictures:
            path = image
            try:
                shown = opens()
                path = shown.path
                out = target / f'{_name(path, image)}.png' if many else target
                answers.append(drawing.draw(shown, out, as_json=as_json))
            except VprError as error:
                if not many:
                    raise
                console.echo(f'vpr: {error}', fg=typer.colors.RED, err=True)
                failed = True
                about = {'type': type(error).__name__, 'message': str(error)}
                answers.append({'image': str(path), 'error': about})
    if as_json:
        console.print_json({'explanations': answers} if many else answers[0])
    if failed:
        raise typer.Exit(1)


def _target(output: Path | None, *, many: bool) -> Path:
    """Return the picture, or the folder of pictures, that is written."""
    if not many:
        output = output or Path('explanation.png')
        if output.suffix.lower() not in ('.png', '.jpg', '.jpeg'):
            msg = f'--output {output} must end in .png or .jpg'
            raise typer.BadParameter(msg)
        console.require_folders(output)
        return output
    output = output or Path('explanation')
    if output.suffix.lower() in ('.png', '.jpg', '.jpeg') or output.is_file():
        msg = f'--output {output} must be a folder: a picture is written for each image'
        raise typer.BadParameter(msg)
    console.require_folders(output / 'picture.png' if output.is_dir() else output)
    return output


def _name(path: Path, root: Path) -> str:
    """Return the name of a picture within the folder that was given."""
    return path.relative_to(root).as_posix() if root.is_dir() else path.name


@dataclass(frozen=True)
class _Drawing:
    """Explains one picture after the other.

    Attributes:
        explainers: With the networks.
        opened: The map with its localizer, None without a map.
        bag: That the map was built from, None without one.
        topic: Of the images in the bag; None for the only one.
        width: Of a panel, pixels.
    """

    explainers: tuple[Explainer, ...]
    opened: tuple[PlaceMap, Localizer] | None
    bag: Path | None
    topic: str | None
    width: int

    def draw(
        self, shown: ImageFile | VideoFrame, output: Path, *, as_json: bool
    ) -> dict[str, Any]:
        """Write the explanation, print the candidates, and return the answer as in the JSON.

        Raises:
            VprError: The picture, or that of the place in the bag, cannot be read.
        """
        from vpr_ros.describe.explanation_picture import Shown, comparison, picture

        path = shown.path
        if len(self.explainers) > 1:
            compared = [
                Shown(_named(explainer), shown.rgb, explainer.explain(shown.rgb))
                for explainer in self.explainers
            ]
            _write(comparison(compared, path.name, self.width), output, as_json=as_json)
            names = [explainer.model for explainer in self.explainers]
            return {'image': str(path), 'models': names, 'output': str(output)}
        (explainer,) = self.explainers
        answer: dict[str, Any] = {'image': str(path), 'model': explainer.model}
        answer['output'] = str(output)
        rows = [Shown(path.name, shown.rgb, explainer.explain(shown.rgb))]
        caption = _named(explainer)
        if self.opened is not None:
            place_map, localizer = self.opened
            found = localizer.localize(shown, k=5)
            query_command.show(path, found, place_map, console.console(stderr=as_json))
            answer['answer'] = query_command.answer_of(path, found, place_map)
            if len(found.candidates):
                best = found.candidates.place(0)
                bits = found.candidates.hamming[0]
                caption += f': place {best.id}, similarity {found.candidates.similarities[0]:.3f}'
                caption += f', {bits} bits differ' if bits >= 0 else ''
                caption += f', {found.decision.status.name}'
                if self.bag is not None:
                    place = _picture_at(best.stamp, self.bag, self.topic)
                    rows.append(Shown(f'place {best.id}', place, explainer.explain(place)))
        _write(picture(rows, caption, self.width), output, as_json=as_json)
        return answer


def _named(explainer: Explainer) -> str:
    return explainer.model + ('' if explainer.trained else ' with untrained weights')


def _write(drawn: NDArray[np.uint8], output: Path, *, as_json: bool) -> None:
    import cv2

    _, encoded = cv2.imencode(output.suffix.lower(), drawn[..., ::-1])
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(encoded.tobytes())
    if not as_json:
        console.echo(str(output))


def _picture_at(stamp: int, bag: Path, topic: str | None) -> NDArray[np.uint8]:
    """Return a bag's picture of this stamp.

    Raises:
        VprError: It has none.
    """
    from vpr_ros.evaluation.bag_evaluation import frame_pictures
    from vpr_ros.inputs.bags import Bag, choose_image

    with Bag(bag) as opened:
        name = choose_image(opened, topic).name
        _, picture = next(iter(frame_pictures(opened, name)({stamp})), (stamp, None))
    if picture is None:
        msg = f'{bag} has no image on {name} with the stamp {stamp}: was the map built from it?'
        raise VprError(msg)
    return picture
