# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Detects cameras that send the same image again and again."""

from __future__ import annotations

import numpy as np

_STAMP_END = 12
"""Bytes of the serialised header that change with every message."""
_STRIDE = 509
"""Every so many bytes of two images are compared before all are; no power of two, so that not one
column or colour is looked at."""


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
