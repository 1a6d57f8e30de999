# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Recognises the places of one map in another, by what both maps store."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from vpr_ros.errors import MapError, MapFrameError
from vpr_ros.inputs.frames.thumbnail_codec import decode_thumbnail
from vpr_ros.localize import DecisionConfig, Localizer, Verifier, detector_of, make_filter
from vpr_ros.localize.verification import XFeatDetector
from vpr_ros.loops.registration import Recognised, Registration, registered
from vpr_ros.maps import MapWriter
from vpr_ros.search import Retriever
from vpr_ros.types import Description

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from vpr_ros.describe import Describer
    from vpr_ros.localize import Calibration
    from vpr_ros.maps import Place, PlaceMap
    from vpr_ros.types import ModelInfo

_SURE = 0.9
"""Least probability of a recognised place; that many agree guards better than a high one."""


class StoredDescriber:
    """Returns stored descriptions in the place of a network's.

    Attributes:
        description: Of the next image.
    """

    description: Description

    def __init__(self, model_info: ModelInfo) -> None:
        self.model_info = model_info

    def describe(self, images: Sequence[NDArray[np.uint8]]) -> list[Description]:
        """Return the description once for each image."""
        return [self.description] * len(images)


@dataclass(eq=False)
class _Thumbnail:
    """The picture of a place, as localisation takes it."""

    jpeg: bytes
    stamp: int
    camera: str

    @cached_property
    def rgb(self) -> NDArray[np.uint8]:
        return decode_thumbnail(self.jpeg)


def register_session(
    place_map: MapWriter,
    other: PlaceMap,
    session: int,
    calibration: Calibration | None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Registration:
    """Add a session of another map to a map that it shares no frame with, registered by pictures.

    On return all of it is on the disk; if this raises, nothing is.

    Args:
        place_map: It is added to.
        other: The map it is in, with thumbnails; stays as it is.
        session: Its identity there.
        calibration: Of the model, None for none.
        progress: Told after each place how many are done, and of how many.

    Raises:
        MapFrameError: The map has no poses, or too few places were recognised.
        MapError: The maps are not of one model, the session is here already, or it cannot be
            written.
    """
    if not place_map.has_poses:
        msg = f'{place_map.path} holds no place with a pose to register the session on'
        raise MapFrameError(msg)
    rows = np.flatnonzero(other.sessions == session)
    rows = rows[np.argsort(other.snapshot.columns.stamps[rows], kind='stable')]
    places = other.snapshot.places_at(rows)
    if places and other.thumbnail(places[0].id) is None:
        msg = (
            f'{other.path} has no thumbnails to recognise its places by: build it with thumbnails'
        )
        raise MapError(msg)
    found = recognised(place_map, other, places, calibration, progress)
    result = registered([place.pose for place in places], found)
    with tempfile.TemporaryDirectory(prefix='vpr_register_') as folder:
        path = Path(folder) / 'session.vprmap'
        with MapWriter.create(path, other.model, frame_id=other.frame_id) as copy:
            (key,) = copy.merge(other, [session]).values()
            order = np.argsort(rows, kind='stable')
            copy.anchor_session(
                key, [result.poses[i] for i in order], [result.sigmas[i] for i in order]
            )
            if place_map.datum is not None and copy.datum is None:
                copy.set_datum(place_map.datum)
            place_map.merge(copy, anchored=True)
    return result


def _description(place_map: PlaceMap, row: int) -> Description:
    """Return the description of a stored place."""
    (descriptor,) = place_map.descriptors([row])
    codes = place_map.snapshot.columns.codes
    return Description(descriptor, codes[row] if place_map.model.code_bits else None)


def recognised(
    place_map: PlaceMap,
    session: PlaceMap,
    places: Sequence[Place],
    calibration: Calibration | None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[Recognised]:
    """Return which places of a session were recognised in a map.

    They are searched one after the other as a robot would, by the stored descriptors and
    thumbnails, with the poses of the session as odometry.

    Args:
        place_map: Of the same model; with thumbnails, local features are compared, too.
        session: The map that the session is in.
        places: Of the session, in the order of the drive; `Recognised.row` counts in them.
        calibration: Of the model; without one each image is judged by itself.
        progress: Told after each place how many are done, and of how many.

    Raises:
        ImageError: A thumbnail is no picture.
    """
    describer = StoredDescriber(place_map.model)
    verifier = None
    if any(place_map.thumbnail(int(key)) for key in place_map.ids[:1]):
        verifier = Verifier(place_map, XFeatDetector())
    temporal = None
    if calibration is not None:
        temporal = make_filter(
            'sequence',
            lambda: place_map.snapshot.columns,
            calibration.places,
            detector=detector_of(verifier),
        )
    localizer = Localizer(
        cast('Describer', describer),
        Retriever(place_map),
        DecisionConfig(min_probability=_SURE),
        calibration=calibration,
        verifier=verifier,
        temporal=temporal,
    )
    found = []
    rows = session.snapshot.columns.rows_of([place.id for place in places])
    for row, (place, stored) in enumerate(zip(places, rows.tolist(), strict=True)):
        jpeg = session.thumbnail(place.id)
        if jpeg is not None and place.pose is not None:
            describer.description = _description(session, stored)
            mounts = {} if place.mount is None else {place.camera: place.mount}
            (answer,) = localizer.localize_all(
                [_Thumbnail(jpeg, place.stamp, place.camera)], None, [place.pose], mounts
            )
            if answer.decision.pose is not None:
                found.append(Recognised(row, answer.decision.pose))
        progress(row + 1, len(places))
    return found
