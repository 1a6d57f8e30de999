# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A traverse in memory: its pictures, each described once, with stamps and true poses."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.errors import VprError
from vpr_ros.inputs.bags import pose_source
from vpr_ros.inputs.frames.thumbnail_codec import decode_thumbnail, encode_thumbnail
from vpr_ros.inputs.replay import replay_frames

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from numpy.typing import NDArray

    from vpr_ros.describe import Describer
    from vpr_ros.geometry import Datum, Pose
    from vpr_ros.inputs.bags import Bag, Topic
    from vpr_ros.types import Description

    Pixels: TypeAlias = NDArray[np.uint8]

_log = logging.getLogger(__name__)

_LONGEST = 480
"""Longest side of a kept picture, pixels; local features work on pictures of this size."""
_DECODED = 256
"""Pictures that stay decoded."""


class Shot:
    """A picture that several states show; it is drawn anew when it was not seen for long.

    Args:
        draw: Returns the picture (H, W, 3) RGB, each time the same.
        description: Of the picture, where it is known.
    """

    def __init__(self, draw: Callable[[], Pixels], description: Description | None = None) -> None:
        self.draw = draw
        self._description = description
        self._altered: dict[tuple[str, int], Shot] = {}

    @staticmethod
    def of(rgb: Pixels, description: Description | None = None) -> Shot:
        """Keep a picture as a JPEG of moderate size."""
        jpeg = encode_thumbnail(rgb, _LONGEST)
        return Shot(lambda: decode_thumbnail(jpeg), description)

    @property
    def rgb(self) -> Pixels:
        """The picture (H, W, 3) RGB."""
        return _drawn(self)

    def described(self, describer: Describer) -> Description:
        """Return the description, which is computed once."""
        if self._description is None:
            (self._description,) = describer.describe([self.rgb])
        return self._description

    def altered(
        self, how: Callable[[Pixels, np.random.Generator], Pixels], number: int = 0
    ) -> Shot:
        """Return the picture altered, the same for the same function and number."""
        key = how.__name__, number
        if key not in self._altered:
            seed = [number, *how.__name__.encode()]
            self._altered[key] = Shot(lambda: how(self.rgb, np.random.default_rng(seed)))
        return self._altered[key]


@lru_cache(maxsize=_DECODED)
def _drawn(shot: Shot) -> Pixels:
    return shot.draw()


@dataclass(frozen=True, eq=False)
class Recording:
    """A traverse.

    Attributes:
        name: Of its bag.
        shots: Q pictures.
        stamps: (Q,) int64 nanoseconds.
        truths: Q true poses in the frame of the map; empty where the bag has none.
    """

    name: str
    shots: tuple[Shot, ...]
    stamps: NDArray[np.int64]
    truths: tuple[Pose, ...] = ()

    def __len__(self) -> int:
        return len(self.shots)

    @cached_property
    def way(self) -> NDArray[np.float64]:
        """(Q,) metres driven since the first picture."""
        positions = np.array([pose.position for pose in self.truths]).reshape(-1, 3)
        steps = np.linalg.norm(np.diff(positions, axis=0), axis=1)
        return np.concatenate([[0.0], np.cumsum(steps)])

    @cached_property
    def interval(self) -> int:
        """Median of the nanoseconds between two pictures."""
        return int(np.median(np.diff(self.stamps))) if len(self) > 1 else 10**9


def read_recording(
    bag: Bag,
    image: Topic,
    pose: Topic | None,
    describer: Describer,
    datum: Datum | None = None,
    limit: int | None = None,
    every: int = 1,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Recording:
    """Read and describe the pictures of a bag.

    Pictures that cannot be read are left out and told in the log, those without a pose, too.

    Args:
        bag: An open bag.
        image: Topic of the pictures.
        pose: Topic of the true poses; None where they do not matter.
        describer: Of the map.
        datum: Of the map.
        limit: Stop after this many pictures.
        every: Take every so-many-th of them.
        progress: Called after each picture with how many are done, and of how many.

    Raises:
        VprError: No picture is left.
    """
    shots, stamps, truths = [], [], []
    total = -(-min(limit or image.count, image.count) // every)
    source = None if pose is None else pose_source(pose, datum)
    frames = replay_frames(bag, image.name, None if pose is None else pose.name, source)
    for done, (frame, reading) in enumerate(islice(frames, 0, limit, every), start=1):
        progress(done, max(done, total))
        if pose is not None and reading is None:
            continue
        try:
            (description,) = describer.describe([frame.rgb])
        except VprError as error:
            _log.warning('frame at %d ns left out: %s', frame.stamp, error)
            continue
        shots.append(Shot.of(frame.rgb, description))
        stamps.append(frame.stamp)
        if reading is not None:
            truths.append(reading.pose)
    if not shots:
        msg = f'{bag.path} has no picture{"" if pose is None else " with a pose"}'
        raise VprError(msg)
    return Recording(bag.path.name, tuple(shots), np.array(stamps, np.int64), tuple(truths))
