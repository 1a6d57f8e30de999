# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Records of a map: places, sessions, cameras and the summary of the map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from vpr_ros.geometry import Datum, GeoPoint, Pose
    from vpr_ros.types import Description, ModelInfo


@dataclass(frozen=True)
class Camera:
    """A camera at one mount; a camera that was moved on its robot is another one.

    Attributes:
        name: Given by its owner; may be empty.
        mount: Pose (7 numbers) of the optical frame (x right, y down, z forward) in the base
            frame, None where it is not known.
    """

    name: str
    mount: tuple[float, ...] | None = None

    @staticmethod
    def mounted(name: str, mount: Pose | None) -> Camera:
        """Return the camera with a name and a pose on its base."""
        return Camera(name, None if mount is None else tuple(mount.as_array().tolist()))


@dataclass(frozen=True, eq=False)
class NewPlace:
    """A place to be added.

    Attributes:
        description: Descriptor and code of the image, made by the map's model.
        session: Identity of a session of the map.
        stamp: When the image was taken, nanoseconds.
        pose: Pose of the robot's base in the map frame, or None where only `geo` is known.
        covariance: (6, 6) symmetric, of x, y, z (metres) and the rotations about them (radians).
        geo: Measured position on Earth.
        camera: Name of the camera.
        distance: Metres travelled since the session began, or None where unknown.
        mount: Optical frame of the camera in the robot's base frame, None where not known.
        thumbnail: A small JPEG of the image, where one is to be kept.
    """

    description: Description
    session: int
    stamp: int
    pose: Pose | None = None
    covariance: NDArray[np.float64] | None = None
    geo: GeoPoint | None = None
    camera: str = ''
    distance: float | None = None
    mount: Pose | None = None
    thumbnail: bytes | None = None


@dataclass(frozen=True, eq=False)
class Place:
    """A place of a map; for the attributes not named here see `NewPlace`.

    Attributes:
        id: Identity in this map, positive, ascending in order of adding, never used twice.
        covariance: (6, 6) float64 (kept with float32 precision).
    """

    id: int
    session: int
    stamp: int
    pose: Pose | None
    covariance: NDArray[np.float64] | None
    geo: GeoPoint | None
    camera: str
    distance: float | None
    mount: Pose | None = None


@dataclass(frozen=True)
class Session:
    """One traverse.

    Attributes:
        id: Identity in this map, positive, never used twice.
        name: Given by its maker.
        started: Nanoseconds.
        places: How many of its places the map holds.
        uid: Random identity (UUID), the same in every map the session was merged into.
        frame: Frame that its poses were given in where that begins with the session, such as
            ``odom``, or with the program that it was imported from, such as ``colmap``; empty
            where they are in the frame of the map.
    """

    id: int
    name: str
    started: int
    places: int
    uid: str
    frame: str = ''


@dataclass(frozen=True)
class MapInfo:
    """Summary of a map.

    Attributes:
        id: Random identity (UUID) given at creation.
        path: The file.
        format: Version of the file format.
        version: Raised by every write.
        model: Model of the descriptions.
        coder: Origin of the codes: `hash-head`, `itq-…`, or empty where there are none yet.
        code_bits: Bits of the codes, 0 where there are none yet.
        descriptor_dim: Length of the descriptors, less than the model's where they were shortened.
        storage: How they are stored: `float16` or `int8`.
        places: Number of places.
        sessions: Every session in order.
        cameras: Every camera in order.
        frame_id: The frame of the poses.
        datum: Origin of the map frame on Earth, where it is known.
        bounds: Lowest and highest x, y, z of the places, metres; None where no place has a pose.
        bytes: Size on disk, journals included.
        created: Nanoseconds since 1970.
        created_by: Software that created the file.
    """

    id: str
    path: Path
    format: int
    version: int
    model: ModelInfo
    coder: str
    code_bits: int
    descriptor_dim: int
    storage: str
    places: int
    sessions: tuple[Session, ...]
    cameras: tuple[Camera, ...]
    frame_id: str
    datum: Datum | None
    bounds: tuple[tuple[float, float, float], tuple[float, float, float]] | None
    bytes: int
    created: int
    created_by: str
