# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Camera images on their way from the middleware or a file to the network."""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np

from vpr_ros.errors import MessageError
from vpr_ros.inputs.frames.cdr import deserialize, frame_id_of, stamp_of
from vpr_ros.inputs.frames.decoder_choice import image_decoder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from vpr_ros.inputs.frames.dynamic_range import DynamicRange

_STAMP_END = 12
"""Bytes of the serialised header that change with every message."""
_STRIDE = 509
"""Every so many bytes of two images are compared before all are; no power of two, so that not one
column or colour is looked at."""


class Picture(Protocol):
    """An image that can be described: that of a message, or of a file.

    Attributes:
        stamp: Nanoseconds.
        camera: Name of the camera; empty where there is only one.
    """

    stamp: int
    camera: str

    @property
    def rgb(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB.

        Raises:
            VprError: There is no picture in it.
        """
        ...


class Frame:
    """An image message as it came off the wire; decoded when its pixels are read.

    Most frames are never decoded: they fail the keyframe gate or a newer one overtakes them.

    Args:
        raw: Serialised (CDR) sensor_msgs/Image or sensor_msgs/CompressedImage.
        typename: Which of the two.
        camera: Name of the camera; empty where there is only one.
        straighten: Takes the distortion of the lens out of the pixels; None leaves them.
        values: The dynamic range of the camera, for images of 16 bits; None takes that of the
            image itself.

    Attributes:
        stamp: Header stamp, nanoseconds.
        camera: Name of the camera.

    Raises:
        MessageError: The bytes are too short to hold a header.
    """

    def __init__(
        self,
        raw: bytes,
        typename: str,
        camera: str = '',
        straighten: Callable[[NDArray[np.uint8]], NDArray[np.uint8]] | None = None,
        values: DynamicRange | None = None,
    ) -> None:
        self.stamp = stamp_of(raw)
        self.camera = camera
        self._raw = raw
        self._typename = typename
        self._straighten = straighten
        self._values = values
        self._file: Path | None = None

    @cached_property
    def frame_id(self) -> str:
        """The header's frame, by convention the optical frame of the camera.

        Raises:
            MessageError: The header is damaged.
        """
        return frame_id_of(self._raw)

    @cached_property
    def rgb(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB.

        Raises:
            VprError: The message is malformed, or no picture can be made of it.
        """
        if self._file is not None:
            file, self._file = self._file, None
            stored: NDArray[np.uint8] = np.load(file, allow_pickle=False)
            file.unlink()
            return stored
        rgb = image_decoder().decode(deserialize(self._raw, self._typename), self._values)
        return rgb if self._straighten is None else self._straighten(rgb)

    def store(self, path: Path) -> None:
        """Keep the decoded picture in a file until it is read, and nothing of it in memory.

        Raises:
            VprError: No picture can be made of the message.
            OSError: The file cannot be written.
        """
        np.save(path, self.rgb, allow_pickle=False)
        with suppress(MessageError):
            _ = self.frame_id
        self._file, self._raw = path, b''
        del self.rgb


class FreezeWatch:
    """Counts images that are equal in every byte, which noise makes impossible in a live one.

    Attributes:
        repeats: How many images before the last one were equal to it, in a row.
    """

    def __init__(self) -> None:
        self._last = b''
        self.repeats = 0

    def see(self, raw: bytes) -> None:
        """Take the next serialised image message."""
        last, self._last = self._last, raw
        same = (
            len(raw) == len(last)
            and raw[_STAMP_END::_STRIDE] == last[_STAMP_END::_STRIDE]
            and np.array_equal(_pixels(raw), _pixels(last))
        )
        self.repeats = self.repeats + 1 if same else 0


def _pixels(raw: bytes) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    return np.frombuffer(raw, np.uint8)[_STAMP_END:]
