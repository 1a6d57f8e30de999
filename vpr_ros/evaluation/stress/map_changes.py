# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Copies of a map with places left out or doubled."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.geometry import Pose
from vpr_ros.maps import NewPlace, PlaceMap
from vpr_ros.maps.map_files import changed_copy
from vpr_ros.types import Description

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from vpr_ros.evaluation.stress.scenario import Scenario
    from vpr_ros.maps import MapWriter

_AWAY = 1000.0
"""Metres along x between a place and its copy."""
_NOISE, _FLIPPED = 0.1, 0.02
"""Norm of the noise added to a copied descriptor, and share of the bits flipped in its code."""


@contextmanager
def map_of(scenario: Scenario, original: PlaceMap, folder: Path) -> Iterator[PlaceMap]:
    """Yield the map that a scenario has: the original, or a copy in a folder, closed afterwards.

    Places keep their identities.

    Raises:
        MapError: The copy cannot be made.
    """
    if scenario.kept is None and scenario.copied is None:
        yield original
        return
    path = folder / 'changed.vprmap'
    with changed_copy(original.path, path) as writer:
        if scenario.copied is not None:
            _double(writer, np.flatnonzero(scenario.copied))
        if scenario.kept is not None:
            writer.delete(original.ids[~scenario.kept])
    try:
        with PlaceMap.open(path, model=original.model) as changed:
            yield changed
    finally:
        path.unlink()


def can_double(place_map: PlaceMap) -> bool:
    """Return whether places of a map can be added again: their descriptors were not shortened."""
    return place_map.snapshot.reducer is None


def _double(writer: MapWriter, rows: NDArray[np.intp]) -> None:
    """Add places a second time, elsewhere, as if they only looked alike."""
    if not len(rows):
        return
    rng = np.random.default_rng(0)
    session = writer.begin_session('look-alikes', 0)
    columns = writer.snapshot.columns
    descriptors = writer.descriptors(rows)
    descriptors += rng.normal(0, _NOISE / descriptors.shape[1] ** 0.5, descriptors.shape)
    descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)
    bits = np.unpackbits(columns.codes[rows], axis=1)
    codes = np.packbits(bits ^ (rng.random(bits.shape) < _FLIPPED), axis=1)
    writer.add(
        [
            NewPlace(
                Description(descriptor, code),
                session,
                place.stamp,
                None if place.pose is None else _moved(place.pose),
                place.covariance,
                camera=place.camera,
                mount=place.mount,
                thumbnail=writer.thumbnail(place.id),
            )
            for descriptor, code, place in zip(
                descriptors, codes, writer.snapshot.places_at(rows), strict=True
            )
        ]
    )


def _moved(pose: Pose) -> Pose:
    return Pose.of(pose.position + np.array([_AWAY, 0.0, 0.0]), pose.orientation)
