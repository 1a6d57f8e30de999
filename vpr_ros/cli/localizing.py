# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Opens a map with its network, the camera of a bag and the images of a folder."""

from __future__ import annotations

import math
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from vpr_ros.cli import options as opt
from vpr_ros.errors import VprError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy as np
    import typer
    from numpy.typing import NDArray

    from vpr_ros.describe import Describer
    from vpr_ros.describe.describer import Backend
    from vpr_ros.evaluation import Tolerance
    from vpr_ros.geometry.pinhole import Pinhole
    from vpr_ros.inputs.bags import Bag
    from vpr_ros.inputs.frames import ImageFile, VideoFrame
    from vpr_ros.localize import Calibration, DecisionConfig, Localizer, Verifier
    from vpr_ros.maps import PlaceMap

_INFO = 'sensor_msgs/msg/CameraInfo'


@contextmanager
def localizing(
    path: Path,
    model: str | None,
    weights: Path | None,
    device: str,
    *,
    few: bool = False,
    config: DecisionConfig | None = None,
    candidates: int = 100,
    calibration: str = '',
    temporal: opt.TemporalFilter = 'none',
    verify: opt.LocalFeatureKind | None = None,
    rerank: int = 10,
    min_inliers: int = 0,
    camera: Pinhole | None = None,
    context: typer.Context | None = None,
) -> Iterator[tuple[PlaceMap, Localizer]]:
    """Open a map with the network that made it, and close it again.

    Few images are described by torch, which starts sooner, unless the file is for ONNX Runtime.
    With a context, options of its command that have no effect with a calibration are refused.
    Where local features are not chosen, they are compared if the map has thumbnails.

    Raises:
        VprError: The map or the weights cannot be used, or do not belong together.
    """
    from vpr_ros.describe import Describer
    from vpr_ros.describe.loading import resolve
    from vpr_ros.localize import Localizer, Reranking, detector_of, make_filter
    from vpr_ros.maps import PlaceMap
    from vpr_ros.search import Retriever

    if model is None:
        with PlaceMap.open(path) as place_map:
            model = place_map.model.name
    torch_starts = few and resolve(model, weights).onnx_file is None
    backend: Backend = 'torch' if torch_starts else 'auto'
    describer = Describer(model, device=device, weights=weights, backend=backend)
    learnt = calibration_of(describer, calibration, context)
    if temporal != 'none' and learnt is None:
        msg = (
            f'the filter {temporal} needs a calibration, and there is none of {model}: '
            'make one with `vpr calibrate` and give it as --calibration'
        )
        raise VprError(msg)
    with PlaceMap.open(path, model=describer.model_info) as place_map:
        verifier = verifier_of(place_map, verify, min_inliers, camera)
        filtering = None
        if temporal != 'none' and learnt is not None:
            filtering = make_filter(
                temporal,
                lambda: place_map.snapshot.columns,
                learnt.places,
                detector=detector_of(verifier),
            )
        localizer = Localizer(
            describer,
            Retriever(place_map),
            config,
            candidates=candidates,
            calibration=learnt,
            temporal=filtering,
            verifier=verifier,
            reranking=Reranking(rerank),
        )
        yield place_map, localizer


def calibration_of(
    describer: Describer, choice: str, context: typer.Context | None
) -> Calibration | None:
    """Return the calibration of a network; refuse options that have no effect with one.

    Raises:
        VprError: The file cannot be used.
    """
    from vpr_ros.localize import calibration_for

    learnt = calibration_for(describer.model_info, choice)
    if context is not None and learnt is not None:
        why = 'with a calibration (--calibration none judges without)'
        opt.refuse_idle(context, why, 'max_distance_ratio', 'place_radius', 'min_inliers')
    return learnt


def verifier_of(
    place_map: PlaceMap,
    kind: opt.LocalFeatureKind | None,
    min_inliers: int = 0,
    camera: Pinhole | None = None,
) -> Verifier | None:
    """Return the verifier of a map; None for ``none``, and where nothing is chosen and it cannot.

    Raises:
        MapError: The map has no thumbnails, and a kind of local features was chosen.
    """
    from vpr_ros.errors import MapError
    from vpr_ros.localize import Verifier, local_detector, require_thumbnails

    if kind == 'none':
        return None
    try:
        require_thumbnails(place_map)
    except MapError:
        if kind is not None:
            raise
        return None
    detector = local_detector(kind or 'xfeat')
    if detector is None:
        return None
    return Verifier(place_map, detector, camera, min_inliers=min_inliers)


def tolerance_of(metres: float, degrees: float | None) -> Tolerance:
    """Return the tolerance that options give."""
    from vpr_ros.evaluation import Tolerance

    return Tolerance(metres, None if degrees is None else math.radians(degrees))


def pictures_of(path: Path, seconds: float) -> list[Callable[[], ImageFile | VideoFrame]]:
    """Return what opens each picture of an image, of a folder of images or of a video, in order.

    Args:
        path: Of the image, folder or video.
        seconds: Between two frames of a video; 0 for all.

    Raises:
        FolderError: The folder has no images, or is a bag.
        VideoError: The video cannot be read.
    """
    from vpr_ros.inputs.folders import FolderError, images_in
    from vpr_ros.inputs.frames import ImageFile, Video, VideoFrame, is_video

    if is_video(path):
        video = Video(path)
        return [partial(VideoFrame, video, index) for index in video.chosen(seconds)]
    if not path.is_dir():
        return [partial(ImageFile, path)]
    if (path / 'metadata.yaml').exists():
        msg = f'{path} is a bag, not a folder of images: `vpr evaluate bag` localises its images'
        raise FolderError(msg)
    return [partial(ImageFile, image) for image in images_in(path)]


def photographs(folder: Path, most: int) -> list[NDArray[np.uint8]]:
    """Return at most so many pictures of a folder and those within, evenly spaced.

    Raises:
        FolderError: There are none.
        ImageError: One cannot be read.
    """
    from vpr_ros.inputs.folders import images_in
    from vpr_ros.inputs.frames import ImageFile

    paths = images_in(folder)
    return [ImageFile(path).rgb for path in paths[:: -(-len(paths) // most)]]


def camera_of(bag: Bag, image_topic: str, degrees: float | None) -> Pinhole | None:
    """Return the intrinsics: by the field of view, else by the only camera_info, else None.

    Raises:
        VprError: The camera_info or the first image cannot be read.
    """
    from vpr_ros.geometry.pinhole import Intrinsics, Pinhole
    from vpr_ros.inputs.frames import Frame

    if degrees is not None:
        first = next(iter(bag.messages([image_topic])))
        height, width = Frame(first.raw, first.type).rgb.shape[:2]
        return Pinhole.of_view(degrees, width, height)
    infos = [topic.name for topic in bag.topics.values() if topic.type == _INFO and topic.count]
    if len(infos) != 1:
        return None
    message = next(iter(bag.messages(infos)))
    return Pinhole.of(Intrinsics.of(bag.deserialize(message)))
