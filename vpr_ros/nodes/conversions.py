# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Conversions between the types of vpr_ros and ROS messages."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from builtin_interfaces.msg import Duration, Time
from geometry_msgs.msg import Point, Pose

from vpr_ros.geometry import Pose as OurPose
from vpr_ros.maps import MapWriter
from vpr_ros.msg import MapInfo, PlaceCandidate, PlaceCandidateArray
from vpr_ros.stamps import SECOND

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpr_ros.localize import Localization
    from vpr_ros.maps import Place, PlaceMap
    from vpr_ros.srv import GetPlace
    from vpr_ros.types import ModelInfo

_EPOCHS = 2**31 * SECOND
"""Nanoseconds from the epoch that a Time can carry."""
_NO_CODES = 65535
_UNKNOWN = OurPose(np.full(3, np.nan), np.full(4, np.nan))
"""Of a place without a pose, so that nobody takes it for one at the origin."""
_MOST_INLIERS = 65535
_SHA256 = 64
"""Length of a SHA-256 in hexadecimal; a weights id of another length is no checksum."""


def to_time(stamp: int) -> Time:
    """Convert nanoseconds since the epoch; the nearest that ROS can carry."""
    seconds, nanoseconds = divmod(min(max(stamp, -_EPOCHS), _EPOCHS - 1), SECOND)
    return Time(sec=seconds, nanosec=nanoseconds)


def to_duration(seconds: float) -> Duration:
    """Convert a duration in seconds."""
    nanoseconds = round(seconds * SECOND)
    return Duration(sec=nanoseconds // SECOND, nanosec=nanoseconds % SECOND)


def to_pose(pose: OurPose) -> Pose:
    """Convert a pose."""
    message = Pose()
    fill_pose(message, pose)
    return message


def fill_pose(message: Pose, pose: OurPose) -> None:
    """Write a pose into a message; three times as fast as new message objects."""
    position, orientation = message.position, message.orientation
    position.x, position.y, position.z = pose.position.tolist()
    orientation.x, orientation.y, orientation.z, orientation.w = pose.orientation.tolist()


def to_covariance(covariance: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """Convert a (6, 6) covariance to the row-major (36,) of ROS; -1 first where unknown.

    An array, because rclpy checks every number of a list.
    """
    if covariance is not None:
        return np.asarray(covariance, np.float64).reshape(36)
    unknown = np.zeros(36)
    unknown[0] = -1
    return unknown


def fill_place(message: PlaceCandidate | GetPlace.Response, place: Place) -> None:
    """Write where a place is into a message; numbers that are not known are NaN."""
    fill_pose(message.pose.pose, place.pose or _UNKNOWN)
    message.pose.covariance = to_covariance(place.covariance)
    geo = place.geo
    message.latitude, message.longitude, message.altitude = (
        (geo.lat, geo.lon, geo.alt) if geo else (math.nan,) * 3
    )


def model_id(model: ModelInfo) -> str:
    """Return the text that identifies network and weights in messages."""
    return f'{model.name}:{model.weights_id}'


def to_candidate(
    place: Place,
    similarity: float,
    hamming: int,
    probability: float = math.nan,
    inliers: float = math.nan,
    least_inliers: int = 0,
) -> PlaceCandidate:
    """Convert one candidate; unknown numbers are NaN."""
    message = PlaceCandidate(
        place_id=place.id,
        session_id=place.session,
        camera=place.camera,
        hamming_distance=hamming if hamming >= 0 else _NO_CODES,
        similarity=similarity,
        score=probability,
        verified=inliers >= least_inliers,
        num_inliers=to_count(inliers),
    )
    message.stamp = to_time(place.stamp)
    fill_place(message, place)
    return message


def to_count(inliers: float) -> int:
    """Return inliers as in messages, where 0 stands for unknown and for none."""
    return 0 if math.isnan(inliers) else min(int(inliers), _MOST_INLIERS)


def to_candidate_array(
    result: Localization, model: ModelInfo, place_map: PlaceMap | None
) -> PlaceCandidateArray:
    """Convert the decision about one image."""
    candidates, count = result.candidates, len(result.candidates)
    known, inliers = candidates.probabilities, candidates.inliers
    message = PlaceCandidateArray(
        model_id=model_id(model),
        trained=model.trained,
        status=int(result.decision.status),
        reason=result.decision.reason,
        candidates=[
            to_candidate(*each, least_inliers=result.least_inliers)
            for each in zip(
                candidates.places(),
                candidates.similarities.tolist(),
                candidates.hamming.tolist(),
                [math.nan] * count if known is None else known.tolist(),
                [math.nan] * count if inliers is None else inliers.tolist(),
                strict=True,
            )
        ],
    )
    message.header.stamp = to_time(result.stamp)
    if place_map is not None:
        message.header.frame_id = place_map.frame_id
        message.map_id = place_map.id
        message.map_version = place_map.version
    return message


def to_map_info(place_map: PlaceMap, stamp: Time) -> MapInfo:
    """Describe a map."""
    info = place_map.info()
    message = MapInfo(
        map_id=info.id,
        map_url=info.path.absolute().as_uri(),
        version=info.version,
        read_only=not isinstance(place_map, MapWriter),
        model_id=model_id(info.model),
        weights_sha256=info.model.weights_id if len(info.model.weights_id) == _SHA256 else '',
        trained=info.model.trained,
        coder_id=info.coder,
        descriptor_dim=info.model.descriptor_dim,
        code_bits=info.code_bits,
        num_places=info.places,
        session_ids=[session.id for session in info.sessions],
        size_bytes=info.bytes,
    )
    message.header.stamp = stamp
    message.header.frame_id = info.frame_id
    if info.bounds is not None:
        low, high = info.bounds
        message.bounds_min = Point(x=low[0], y=low[1], z=low[2])
        message.bounds_max = Point(x=high[0], y=high[1], z=high[2])
    datum = info.datum
    message.datum_latitude, message.datum_longitude, message.datum_altitude = (
        (datum.lat, datum.lon, datum.alt) if datum else (math.nan,) * 3
    )
    return message
