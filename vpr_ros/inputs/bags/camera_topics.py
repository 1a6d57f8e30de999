# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The topics of several cameras of a bag, and the names of the cameras."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpr_ros.errors import BagError
from vpr_ros.inputs.bags.topic_choice import choose_image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpr_ros.inputs.bags.bag import Bag, Topic


def choose_cameras(bag: Bag, asked: Sequence[str] = ()) -> dict[str, Topic]:
    """Return the topic of each camera by its name, in the order asked for.

    Args:
        bag: The bag.
        asked: For each camera its topic, or `CAMERA=TOPIC`. The only camera has no name unless it
            is given; several are named after their topics. Empty where the bag leaves one choice.

    Raises:
        BagError: A topic is not there or holds no images, there is no single choice, or two
            cameras have one name.
    """
    chosen: dict[str, Topic] = {}
    for text in asked or ('',):
        name, given, topic = text.rpartition('=')
        found = choose_image(bag, topic or None)
        if not given and len(asked) > 1:
            name = camera_name(found.name)
        if name in chosen:
            msg = (
                f'{chosen[name].name} and {found.name} would both be the camera {name!r}: '
                'name them, as CAMERA=TOPIC'
            )
            raise BagError(msg)
        chosen[name] = found
    return chosen


def camera_name(topic: str) -> str:
    """Return the name of the camera of a topic, for which a node would subscribe to NAME/image.

    It is front for /front/image_raw/compressed, and cameras/rear for /cameras/rear.
    """
    parts = topic.removesuffix('/compressed').strip('/').split('/')
    return '/'.join(parts[:-1] if len(parts) > 1 and parts[-1].startswith('image') else parts)
