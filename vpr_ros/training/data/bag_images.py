# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Writes frames of bags as image files with a table of poses, for random access in training."""

from __future__ import annotations

import csv
import hashlib
import logging
import shutil
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

import cv2

from vpr_ros.errors import ImageError
from vpr_ros.inputs.bags import Bag, choose_topics
from vpr_ros.inputs.folders import csv_folder
from vpr_ros.inputs.replay import replay_frames
from vpr_ros.mapping import KeyframeConfig, KeyframeGate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from vpr_ros.inputs.folders import PosedImage

_log = logging.getLogger(__name__)

_TABLE = 'poses.csv'
_COLUMNS = ('file', 'stamp_ns', 'x', 'y', 'z', 'qx', 'qy', 'qz', 'qw', 'lat', 'lon', 'alt')


@dataclass(frozen=True)
class BagFrames:
    """Which frames of bags are wanted.

    Attributes:
        image: Topic, where a bag has several.
        pose: Topic, where a bag has several.
        distance: Metres the robot moves from one to the next.
        angle: Radians after which the next is taken in any case.
    """

    image: str | None = None
    pose: str | None = None
    distance: float = 0.5
    angle: float = 0.2


def bag_images(
    bags: Sequence[Path],
    cache: Path,
    frames: BagFrames,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[PosedImage]:
    """Return frames of bags as files in a cache, written where they are not yet there.

    Args:
        bags: Their poses are in one map frame, or on Earth.
        cache: Gets a folder of JPEG files and their poses for each bag.
        frames: Which are wanted.
        progress: Told how many bags are read, of how many.

    Raises:
        BagError: A bag cannot be read, or has several topics to choose from.
    """
    images = []
    for i, path in enumerate(bags):
        progress(i, len(bags))
        # The path stands for the content: a bag is not written to again.
        key = hashlib.sha256(repr((str(path.resolve()), frames)).encode()).hexdigest()[:12]
        folder = cache / f'{path.stem}-{key}'
        if not folder.exists():
            _extract(path, folder, frames)
        images += csv_folder(folder, folder / _TABLE)
    progress(len(bags), len(bags))
    return images


def _extract(path: Path, folder: Path, frames: BagFrames) -> None:
    """Write the keyframes of a bag; the folder is there only when it is whole."""
    part = folder.with_name(f'{folder.name}.part')
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    gate = KeyframeGate(KeyframeConfig(frames.distance, frames.angle))
    with Bag(path) as bag, (part / _TABLE).open('w', encoding='utf-8', newline='') as file:
        topics = choose_topics(bag, frames.image, frames.pose)
        table = csv.writer(file)
        table.writerow(_COLUMNS)
        for frame, reading in replay_frames(bag, topics.image.name, topics.pose.name):
            if reading is None or not gate.due(frame.stamp, reading.pose):
                continue
            name = f'{frame.stamp}.jpg'
            try:
                pixels = cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2BGR)
            except ImageError as error:
                _log.warning('frame at %d ns left out: %s', frame.stamp, error)
                continue
            cv2.imwrite(str(part / name), pixels, [cv2.IMWRITE_JPEG_QUALITY, 95])
            gate.take(frame.stamp, reading.pose)
            if reading.geo is None:
                where = [*reading.pose.as_array().tolist(), '', '', '']
            else:
                # The map frame of a fix begins at the first of its bag: compare on Earth only.
                where = [''] * 7 + [*astuple(reading.geo)]
            table.writerow([name, frame.stamp, *where])
    part.rename(folder)
