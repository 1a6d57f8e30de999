# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Limits the rate of images by their stamps, which also holds in simulated time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpr_ros.stamps import SECOND

if TYPE_CHECKING:
    from vpr_ros.inputs.frames import Picture


class StampGate:
    """Passes the frames of each camera at a rate at most.

    Attributes:
        held: Number of frames that did not pass.
    """

    def __init__(self) -> None:
        self._last: dict[str, int] = {}
        self.held = 0

    def passes(self, frame: Picture, rate: float) -> bool:
        """Return whether a frame passes at a rate in Hz; 0 lets all pass.

        A frame older than the last one passes: the clock was set back.
        """
        last = self._last.get(frame.camera)
        if rate and last is not None and 0 <= frame.stamp - last < SECOND / rate:
            self.held += 1
            return False
        self._last[frame.camera] = frame.stamp
        return True
