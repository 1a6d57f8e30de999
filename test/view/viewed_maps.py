# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Made-up maps to look at, of places that all differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pictures import blocks

from vpr_ros.geometry import Datum, Pose
from vpr_ros.inputs.frames.thumbnail_codec import encode_thumbnail
from vpr_ros.maps import MapWriter, NewPlace
from vpr_ros.types import Description, ModelInfo

if TYPE_CHECKING:
    from pathlib import Path

MODEL = ModelInfo('test-net', 'weights', 64, 0, 'none', trained=True)
DATUM = Datum(47.0, 8.5, 400.0)
COUNT = 40
GAP = 20
"""The place after which 30 metres are not mapped."""


def write_map(
    path: Path,
    names: tuple[str, ...],
    *,
    posed: bool = True,
    pictured: bool = True,
    datum: Datum | None = DATUM,
    offset: float = 0.0,
    count: int = COUNT,
) -> Path:
    """Write a map of sessions of so many places, a metre apart along x from the offset."""
    # Descriptors that change from place to place, and wholly at the gap, so that each place
    # differs from those elsewhere.
    at = (np.arange(count) + 8 * (np.arange(count) >= GAP)) / 4
    ends = np.random.default_rng(0).standard_normal((2 + int(at[-1]), 64))
    low, part = at.astype(int), (at % 1)[:, None]
    vectors = ends[low] * (1 - part) + ends[low + 1] * part
    with MapWriter.create(path, MODEL, datum=datum if posed else None) as writer:
        for turn, name in enumerate(names):
            session = writer.begin_session(name, 0)
            places = []
            for i, vector in enumerate(vectors + 0.01 * turn):
                x = offset + i + (30 if i >= GAP else 0)
                picture = encode_thumbnail(blocks(100 * turn + i), 64)
                unit = (vector / np.linalg.norm(vector)).astype(np.float32)
                pose = Pose.planar(x, 2.0 * turn, 0) if posed else None
                thumbnail = picture if pictured else None
                stamp = i * 10**9
                places.append(
                    NewPlace(Description(unit), session, stamp, pose, thumbnail=thumbnail)
                )
            writer.add(places)
    return path
