# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where places without a pose lie, so that near and far mean something for them, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FAR = 1e7
"""Metres that sessions without a common frame are kept apart."""


def positions_of(
    poses: NDArray[np.float64], sessions: NDArray[np.int64], stamps: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return positions (N, 3) of places, in metres, of which only distances mean anything.

    Places without a pose lie on a line for each session, a metre for each second, far from
    everything else: a robot does not come far in a second.

    Args:
        poses: (N, 7), NaN where a place has none.
        sessions: (N,) identities.
        stamps: (N,) nanoseconds.
    """
    seconds = (stamps - stamps[:1].sum()) * 1e-9
    line = np.column_stack([seconds, _FAR * (sessions + 1.0), np.zeros(len(poses))])
    return np.where(np.isfinite(poses[:, :1]), poses[:, :3], line)
