# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Images with true poses to be localised in a map: of a bag, or of a video with a trajectory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from vpr_ros.cli import options as opt

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from contextlib import ExitStack
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from vpr_ros.evaluation import Evaluation
    from vpr_ros.evaluation.picture_sources import Pictures
    from vpr_ros.geometry.pinhole import Pinhole
    from vpr_ros.inputs.frames import Video
    from vpr_ros.inputs.poses import TreeFrames


@dataclass(frozen=True, eq=False)
class QuerySource:
    """Images with true poses.

    Attributes:
        camera: Its intrinsics, None where they are unknown.
        pictures: The images by stamp.
        evaluate: Takes the map, the localizer, the tolerance and the keywords of `evaluate_bag`.
    """

    camera: Pinhole | None
    pictures: Pictures
    evaluate: Callable[..., Evaluation]


def of_bag(
    stack: ExitStack,
    context: typer.Context,
    path: Path,
    image_topic: str | None,
    pose_topic: str | None,
    tree: TreeFrames,
    degrees: float | None,
) -> QuerySource:
    """Open a bag until the stack is left.

    Raises:
        BagError: It cannot be read, or leaves no single choice of topics.
    """
    from vpr_ros.cli.localizing import camera_of
    from vpr_ros.evaluation.bag_evaluation import evaluate_bag, frame_pictures
    from vpr_ros.inputs.bags import Bag, choose_topics

    opt.refuse_idle(context, 'on a bag, which has poses', 'poses', 'start')
    bag = stack.enter_context(Bag(path))
    topics = choose_topics(bag, image_topic, pose_topic, tree)
    why = f'on the poses of {topics.pose.name}, which are not those of tf'
    named = 'fixed_frame', 'base_frame'
    opt.refuse_idle(context, why, *named, when=topics.pose.frames is None)
    return QuerySource(
        camera_of(bag, topics.image.name, degrees),
        frame_pictures(bag, topics.image.name),
        lambda place_map, localizer, tolerance, **more: evaluate_bag(
            place_map, bag, localizer, topics, tolerance, **more
        ),
    )


def of_video(
    context: typer.Context, path: Path, poses: Path | None, start: int, degrees: float | None
) -> QuerySource:
    """Open a video whose true poses are in a file.

    Raises:
        FolderError: The trajectory has no pose at any frame.
        TrajectoryError: The trajectory cannot be read.
        VideoError: The video cannot be read.
    """
    from vpr_ros.evaluation.bag_evaluation import evaluate_frames
    from vpr_ros.inputs.folders import FOLDER_FORMATS
    from vpr_ros.inputs.frames import Video

    topics = 'image_topic', 'pose_topic', 'fixed_frame', 'base_frame'
    opt.refuse_idle(context, 'on a video', *topics)
    if poses is None:
        msg = 'a video has no poses to compare with: give its trajectory (TUM) as --poses'
        raise typer.BadParameter(msg)
    images = FOLDER_FORMATS['video'].read(path, poses, start=start)
    video = Video(path)
    return QuerySource(
        view_of(video, degrees),
        pictures_of(video, start),
        lambda place_map, localizer, tolerance, **more: evaluate_frames(
            place_map,
            ((image.picture(), image.reading(None)) for image in images),
            localizer,
            tolerance,
            name=path.name,
            count=len(images),
            **more,
        ),
    )


def view_of(video: Video, degrees: float | None) -> Pinhole | None:
    """Return the intrinsics of a video by its field of view, None where that is not given."""
    from vpr_ros.geometry.pinhole import Pinhole

    if degrees is None:
        return None
    height, width = video.rgb(0).shape[:2]
    return Pinhole.of_view(degrees, width, height)


def pictures_of(video: Video, start: int = 0) -> Pictures:
    """Return a source of the frames of a video by stamp."""

    def fetch(stamps: Collection[int]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        for index, offset in enumerate(video.stamps):
            if start + offset in stamps:
                yield start + offset, video.rgb(index)

    return fetch
