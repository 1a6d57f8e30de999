# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the commands that look at pictures share: their options, and the camera."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from vpr_ros.geometry.pinhole import Pinhole
    from vpr_ros.inputs.bags import Bag

INFO = 'sensor_msgs/msg/CameraInfo'

Verify = Annotated[
    bool, typer.Option('--verify', help='Look at the first candidates by local features.')
]
MinInliers = Annotated[
    int, typer.Option('--min-inliers', min=8, help='Features that must agree on one geometry.')
]
FieldOfView = Annotated[
    float | None,
    typer.Option(
        '--field-of-view',
        min=1,
        max=179,
        help='Horizontal, degrees, of a camera without camera_info; gives relative poses.',
    ),
]


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
    infos = [topic.name for topic in bag.topics.values() if topic.type == INFO and topic.count]
    if len(infos) != 1:
        return None
    message = next(iter(bag.messages(infos)))
    return Pinhole.of(Intrinsics.of(bag.deserialize(message)))
