# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From where a place's camera was to where the base of another camera's robot is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vpr_ros.geometry import Pose
from vpr_ros.search import Hit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpr_ros.maps import Place


def seen_through(hits: Sequence[Hit], mount: Pose) -> list[Hit]:
    """Return hits with the poses of a robot whose camera sees the places as they were seen.

    A robot that sees with its rear camera what a front camera has mapped stands there the other
    way round. Places whose camera's mount is not known stay as they are.

    Args:
        hits: Of a query.
        mount: The optical frame of the query's camera in the base frame.
    """
    return [Hit.of(_moved(hit.place, mount), hit.hamming, hit.similarity) for hit in hits]


def _moved(place: Place, mount: Pose) -> Place:
    if place.mount is None or (place.mount.as_array() == mount.as_array()).all():
        return place
    return replace(place, pose=place.base_seeing_it(Pose.identity(), mount), mount=mount)
