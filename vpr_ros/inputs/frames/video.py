# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Videos as pictures with stamps, by OpenCV."""

from __future__ import annotations

import functools
import itertools
import logging
import math
import statistics
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from vpr_ros.errors import ImageError, VprError
from vpr_ros.inputs.frames.pixels import check_size
from vpr_ros.stamps import SECOND

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

_log = logging.getLogger(__name__)

VIDEO_SUFFIXES = frozenset(
    {'.3gp', '.avi', '.flv', '.m2ts', '.m4v', '.mkv', '.mov', '.mp4', '.mpeg', '.mpg', '.mts'}
    | {'.ogv', '.ts', '.webm', '.wmv'}
)
"""Of the files that are read as videos, in lower case."""
_ROTATIONS = {
    90: cv2.ROTATE_90_CLOCKWISE,
    180: cv2.ROTATE_180,
    270: cv2.ROTATE_90_COUNTERCLOCKWISE,
}
"""By degrees to the right."""
_TURNED_RIGHT = Path(__file__).with_name('turned_right.mp4')
_SIZE = cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT
_FASTEST = 1000.0
"""Frames a second; more is no rate but a damaged header."""
_USUAL = 30.0
"""Frames a second of a video that says neither when its frames were taken nor its rate."""
_LOST = 0.02
"""Share of the frames that a header may claim too many, for some only estimate them."""
_LAST = 1.0
"""Seconds that the last frame may be promised to last."""
_COUNTED = frozenset({'.3gp', '.avi', '.m4v', '.mov', '.mp4'})
"""Kinds that count their frames. Of others OpenCV multiplies the length and a nominal rate."""


class VideoError(VprError):
    """A video that cannot be read."""


def is_video(path: Path) -> bool:
    """Tell whether a path has the suffix of a video and is no folder."""
    return path.suffix.lower() in VIDEO_SUFFIXES and not path.is_dir()


class Video:
    """A video file, whose frames are turned as its metadata say; read from the start to the end.

    Going back reads it from the start again.

    Args:
        path: The file.

    Raises:
        VideoError: It is no video, its frames are too large, or it has none.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._rewind()
        try:
            check_size(*(int(self._capture.get(one)) for one in _SIZE))
        except ImageError as error:
            msg = f'{self.path}: {error}'
            raise VideoError(msg) from error
        if not self._grab():
            msg = f'{self.path}: the video has no frame that can be read{self._codec()}'
            raise VideoError(msg)

    @cached_property
    def stamps(self) -> tuple[int, ...]:
        """Nanoseconds from the first frame to each, by their positions in the video.

        Frames without a position of their own follow the one before as most do.
        """
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        claimed = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self._rewind()
        positions = list(self._positions())
        self._rewind()
        stamps, placed = _from_first(
            positions, round(SECOND / (rate if 0 < rate <= _FASTEST else _USUAL))
        )
        if placed:
            _log.warning(
                '%s: %d of %d frames do not say when they were taken: each follows the one before '
                'it as most do',
                self.path,
                placed,
                len(stamps),
            )
        exact = self.path.suffix.lower() in _COUNTED
        if len(stamps) + 1 < claimed * (1 - _LOST) and (
            exact or _ends_before(claimed, rate, stamps)
        ):
            _log.warning(
                '%s: %d frames were read, and its header promises %d: it is damaged, or was cut',
                self.path,
                len(stamps),
                int(claimed),
            )
        return tuple(stamps)

    def rgb(self, index: int) -> NDArray[np.uint8]:
        """Return a frame (H, W, 3), uint8 RGB, by its number from 0.

        Raises:
            ImageError: It cannot be decoded.
        """
        if index < self._grabbed - 1:
            self._rewind()
        while self._grabbed <= index:
            if not self._grab():
                msg = f'{self.path}: frame {index} cannot be read'
                raise ImageError(msg)
        good, bgr = self._capture.retrieve()
        if not good:
            msg = f'{self.path}: frame {index} cannot be decoded'
            raise ImageError(msg)
        rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
        if self._turned in _ROTATIONS:
            rgb = cv2.rotate(rgb, _ROTATIONS[_right_way(self._turned)])
        return np.asarray(rgb, np.uint8)

    def chosen(self, seconds: float) -> list[int]:
        """Return the numbers of frames so many seconds apart, or a little more; 0 for all."""
        chosen, due = [], 0
        for index, stamp in enumerate(self.stamps):
            if stamp >= due:
                due = stamp + round(seconds * SECOND)
                chosen.append(index)
        return chosen

    def _positions(self) -> Iterator[float]:
        """Yield the position of each frame, milliseconds."""
        while self._grab():
            yield self._capture.get(cv2.CAP_PROP_POS_MSEC)

    def _codec(self) -> str:
        """Return what may be done about a codec that OpenCV cannot decode, empty if unknown."""
        code = int(self._capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, 'little', signed=True)
        if not (code.isascii() and code.decode('ascii').isprintable()):
            return ''
        return (
            f' (codec {code.decode("ascii")}). If players show it, OpenCV lacks that codec here: '
            f'convert it first (ffmpeg -i {self.path.name} -c:v libx264 converted.mp4)'
        )

    def _rewind(self) -> None:
        if not self.path.is_file():
            msg = f'{self.path} is no file, and so no video'
            raise VideoError(msg)
        self._capture = _capture(self.path)
        self._grabbed = 0
        if not self._capture.isOpened():
            msg = f'{self.path} cannot be read as a video: it is damaged, or of an unknown kind'
            raise VideoError(msg)
        self._turned = round(self._capture.get(cv2.CAP_PROP_ORIENTATION_META)) % 360

    def _grab(self) -> bool:
        done = bool(self._capture.grab())
        self._grabbed += done
        return done


def _capture(path: Path) -> cv2.VideoCapture:
    """Open a file whose frames come as they were recorded, not turned."""
    # By FFmpeg where OpenCV has it: others take a name for a pattern of images.
    known = cv2.videoio_registry.getStreamBackends()
    backend = cv2.CAP_FFMPEG if cv2.CAP_FFMPEG in known else cv2.CAP_ANY
    capture = cv2.VideoCapture(str(path), backend)
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
    return capture


@functools.cache
def _is_reversed() -> bool:
    """Tell whether this OpenCV gives angles the wrong way round, as 4.6 does with FFmpeg 5.

    Asked of a video that is to be turned by 90 degrees to the right.
    """
    return round(_capture(_TURNED_RIGHT).get(cv2.CAP_PROP_ORIENTATION_META)) == 270


def _right_way(turned: int) -> int:
    """Return the degrees by which a picture is to be turned to the right."""
    return -turned % 360 if _is_reversed() else turned


def _from_first(positions: Sequence[float], period: int) -> tuple[list[int], int]:
    """Return nanoseconds from the first of some positions (ms), and how many had to be made up.

    Positions that do not grow are none, such as those of the last frames in OpenCV 4.6, which it
    decodes when the file has ended. A frame without one follows as most do, else by the period.
    """
    offsets = _growing(positions)
    pairs = itertools.pairwise(offsets)
    if steps := [later - one for one, later in pairs if one is not None and later is not None]:
        period = statistics.median_low(steps)
    stamps: list[int] = []
    made_up = 0
    for offset in offsets:
        if offset is not None and (not stamps or offset > stamps[-1]):
            stamps.append(offset)
        else:
            stamps.append(stamps[-1] + period)
            made_up += 1
    return stamps, made_up


def _growing(positions: Sequence[float]) -> list[int | None]:
    """Return nanoseconds from the first of some positions (ms), None where they do not grow."""
    first = positions[0] if positions and math.isfinite(positions[0]) else 0.0
    offsets: list[int | None] = []
    last = -1
    for position in positions:
        offset = (position - first) * 1e6 if offsets else 0.0
        grows = math.isfinite(offset) and round(offset) > last
        last = round(offset) if grows else last
        offsets.append(last if grows else None)
    return offsets


def _ends_before(claimed: float, rate: float, stamps: Sequence[int]) -> bool:
    """Tell whether frames with these stamps (ns) end before so many frames at a rate would."""
    promised = claimed / rate if rate > 0 else math.inf
    return stamps[-1] / SECOND < promised * (1 - _LOST) - _LAST


class VideoFrame:
    """A frame of a video, decoded when its pixels are asked for.

    Args:
        video: That it belongs to.
        index: Its number, from 0.
        stamp: Nanoseconds; None for its time from the first frame.

    Attributes:
        camera: Empty: a video names no camera.
        path: Name for people, with the seconds from the first frame: `drive.mp4#t=12.500`.
    """

    camera = ''

    def __init__(self, video: Video, index: int, stamp: int | None = None) -> None:
        offset = video.stamps[index]
        self.stamp = offset if stamp is None else stamp
        self.path = video.path.with_name(f'{video.path.name}#t={offset / SECOND:.3f}')
        self._video = video
        self._index = index

    @cached_property
    def rgb(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB.

        Raises:
            ImageError: The frame cannot be decoded.
        """
        return self._video.rgb(self._index)
