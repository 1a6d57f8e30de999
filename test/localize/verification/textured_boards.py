# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A world of textured boards, for pictures with true poses."""

from dataclasses import dataclass

import cv2
import numpy as np

from vpr_ros.geometry.mounts import OPTICAL_ROTATION
from vpr_ros.inputs.frames.thumbnail_codec import encode_thumbnail
from vpr_ros.maps import MapWriter, NewPlace
from vpr_ros.types import Description, ModelInfo

WIDTH, HEIGHT, FOCAL = 320, 180, 160.0
MODEL = ModelInfo('numbers', '0' * 64, 8, 8, 'none', trained=True)


@dataclass(frozen=True)
class World:
    """Boards that stand across the way, each with its own texture.

    In each world but the first they stand elsewhere, so that their outlines do not match either.
    """

    seed: int

    def seen_from(self, pose):
        """Return the picture (H, W, 3) of a camera on a base with this pose."""
        optical = pose @ OPTICAL_ROTATION
        picture = np.full((HEIGHT, WIDTH), 120, np.uint8)
        k = np.array([[FOCAL, 0, WIDTH / 2 - 0.5], [0, FOCAL, HEIGHT / 2 - 0.5], [0, 0, 1]])
        for number, (x, left, bottom, side) in enumerate(
            [(30, -20, -9, 40), (18, 2, -4, 8), (14, -9, -4, 7), (11, -1, -5, 4), (9, 3, -1, 3)]
        ):
            rng = np.random.default_rng([self.seed, number])
            texture = cv2.resize(rng.integers(0, 256, (24, 24), np.uint8), (240, 240))
            first = (left, bottom) if self.seed == 1 else rng.uniform((-6, -5), (3, 0))
            corners = [(0, 0), (1, 0), (1, 1), (0, 1)]
            world = np.array([(x, *(np.array(corner) * side + first)) for corner in corners])
            seen = (world - optical.position) @ optical.rotation @ k.T
            image = (seen[:, :2] / seen[:, 2:]).astype(np.float32)
            source = np.float32(corners) * 240
            warp = cv2.getPerspectiveTransform(source, image)
            cv2.warpPerspective(
                texture, warp, (WIDTH, HEIGHT), picture, cv2.INTER_AREA, cv2.BORDER_TRANSPARENT
            )
        return np.repeat(picture[:, :, None], 3, axis=2)


def mapped(path, views, cameras=('',)):
    """Return a map of one session; a view is a picture, or None, and where it was mapped."""
    place_map = MapWriter.create(path, MODEL)
    session = place_map.begin_session('drive', 0)
    description = Description(np.eye(8, dtype=np.float32)[0], np.uint8([1]))
    place_map.add(
        [
            NewPlace(
                description,
                session,
                stamp,
                pose,
                camera=cameras[stamp % len(cameras)],
                thumbnail=None if picture is None else encode_thumbnail(picture, WIDTH),
            )
            for stamp, (picture, pose) in enumerate(views)
        ]
    )
    return place_map
