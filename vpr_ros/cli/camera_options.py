# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Options of several cameras of a bag."""

from __future__ import annotations

from typing import Annotated

import typer

ImageTopics = Annotated[
    list[str] | None,
    typer.Option(
        '--image-topic',
        metavar='[CAMERA=]TOPIC',
        help='Topic of the images in the bag; once for each of several cameras, which are named '
        'after their topics (front for /front/image_raw) or here.',
    ),
]
CameraExtrinsics = Annotated[
    str,
    typer.Option(
        help='Mount of each camera in the base frame, in the order of --image-topic, separated by '
        'semicolons: x y z, or x y z roll pitch yaw (m, rad; without rotation it looks forward).',
    ),
]
