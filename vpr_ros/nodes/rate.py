# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Limits a rate by the stamps of the images, so that simulated time needs no special case."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vpr_ros.inputs.frames import Picture


class StampGate:
    """Passes the frames of each camera at no more than a rate.

    Attributes:
        held: Frames that did not pass.
    """

    def __init__(self) -> None:
        self._last: dict[str, int] = {}
        self.held = 0

    def passes(self, frame: Picture, rate: float) -> bool:
        """Return whether a frame is due at this rate (Hz, 0: all).

        A stamp in the past means a restarted clock and passes.
        """
        last = self._last.get(frame.camera)
        if rate and last is not None and 0 <= frame.stamp - last < 1e9 / rate:
            self.held += 1
            return False
        self._last[frame.camera] = frame.stamp
        return True
