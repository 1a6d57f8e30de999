# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A small rasteriser: textured parallelograms, front to back, with a depth buffer."""

from __future__ import annotations

from dataclasses import dataclass
from math import log2
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

NEAR = 0.15
"""Metres before the camera in which nothing is drawn."""

_SMALLEST = 1.2
"""Pixels of width or height below which nothing is drawn."""

_OPAQUE_FROM = 110
"""Alpha (0 to 255) from which a texel hides the things behind it."""


def pyramid(rgba: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Return a texture (H, W, 4) and its halvings, for sampling without aliasing."""
    levels = [rgba]
    while min(levels[-1].shape[:2]) > 3 and len(levels) < 7:
        h, w = levels[-1].shape[:2]
        levels.append(cv2.resize(levels[-1], (w // 2, h // 2), interpolation=cv2.INTER_LINEAR))
    return levels


@dataclass(frozen=True, eq=False)
class Patches:
    """Textured parallelograms.

    Attributes:
        origins: (N, 3) top left corners, metres, in the world.
        rights: (N, 3) from the top left to the top right corners.
        downs: (N, 3) from the top left to the bottom left corners.
        two_sided: (N,) whether also the back is seen; the front is where right and down agree.
        texture: Returns the pyramid of (H, W, 4) uint8 of the patch of an index; texels with
            little alpha are holes.
    """

    origins: NDArray[np.float64]
    rights: NDArray[np.float64]
    downs: NDArray[np.float64]
    two_sided: NDArray[np.bool_]
    texture: Callable[[int], Sequence[NDArray[np.uint8]]]


class Raster:
    """Image under construction, seen by one camera.

    Attributes:
        colour: (H, W, 4) uint8, RGB and an unused fourth channel.
        nearness: (H, W) float32, inverse depth along the optical axis in 1/m; 0 where empty.
        centre: (3,) of the camera in the world.
    """

    def __init__(
        self,
        size: tuple[int, int],
        matrix: NDArray[np.float64],
        rotation: NDArray[np.float64],
        centre: NDArray[np.float64],
    ) -> None:
        """Start empty.

        Args:
            size: Height and width, pixels.
            matrix: (3, 3) K.
            rotation: (3, 3) from the world to the optical frame.
            centre: (3,) of the camera in the world.
        """
        self.colour = np.zeros((*size, 4), np.uint8)
        self.nearness = np.zeros(size, np.float32)
        self._project = matrix @ rotation
        self._matrix = matrix
        self._rotation = rotation
        self.centre = centre
        self._columns = np.arange(size[1], dtype=np.float32)
        self._rows = np.arange(size[0], dtype=np.float32)[:, None]

    def near(self, point: NDArray[np.float64], radius: float, reach: float) -> bool:
        """Return whether a ball of a radius about a point may be seen within a reach, metres."""
        x, _, z = self._rotation @ (point - self.centre)
        edge = self.nearness.shape[1] / 2 / self._matrix[0, 0]
        return bool(-radius < z < reach and abs(x) < edge * max(z, 0) + radius * np.hypot(1, edge))

    def draw(self, patches: Patches, reach: float, *, backdrop: bool = False) -> None:
        """Draw patches where nothing nearer has been drawn, the nearest first.

        Args:
            patches: The patches to draw.
            reach: Metres beyond which nothing is drawn.
            backdrop: Fill only empty pixels, and leave their depth empty.
        """
        o, r, d = patches.origins, patches.rights, patches.downs
        rays = np.stack([o, o + r, o + r + d, o + d], 1) - self.centre
        rays = rays @ self._rotation.T
        chosen = self._visible(patches, rays, reach)
        middle = np.linalg.norm(rays[chosen].mean(1), axis=1)
        chosen = chosen[np.argsort(middle, kind='stable')]
        rays = rays[chosen]
        units = self._project @ np.stack([r[chosen], d[chosen], o[chosen] - self.centre], 2)
        solid = np.abs(np.linalg.det(units)) > 1e-9
        chosen, rays, units = chosen[solid], rays[solid], units[solid]
        from_pixels = np.linalg.inv(units)
        depths = rays[..., 2]
        whole = (depths > NEAR).all(1)
        nearest = 1 / np.maximum(depths.min(1), NEAR)
        for k, index in enumerate(chosen.tolist()):
            corners = rays[k] if whole[k] else _clip(rays[k])
            pixels = corners @ self._matrix.T
            outline = np.clip(pixels[:, :2] / pixels[:, 2:], -1e6, 1e6)
            box = self._box(outline)
            if box is None:
                continue
            have = self.nearness[box]
            if not backdrop and nearest[k] <= have.min():
                continue
            self._fill(patches.texture, index, from_pixels[k], outline, box, backdrop=backdrop)

    def _visible(
        self, patches: Patches, rays: NDArray[np.float64], reach: float
    ) -> NDArray[np.intp]:
        """Return the indices of patches that face the camera and touch its field of view."""
        normals = np.cross(patches.downs, patches.rights)
        facing = np.einsum('ij,ij->i', normals, self.centre - patches.origins) > 1e-6
        depth = rays[..., 2]
        pixels = rays @ self._matrix.T
        u, v = pixels[..., 0], pixels[..., 1]
        h, w = self.nearness.shape
        return np.flatnonzero(
            (facing | patches.two_sided)
            & (depth > NEAR).any(1)
            & (depth.min(1) < reach)
            & (u > -depth).any(1)
            & (u < w * depth).any(1)
            & (v > -depth).any(1)
            & (v < h * depth).any(1)
        )

    def _box(self, outline: NDArray[np.float64]) -> tuple[slice, slice] | None:
        """Return the rows and columns that an outline (M, 2) covers."""
        h, w = self.nearness.shape
        x0, y0 = outline.min(0).tolist()
        x1, y1 = outline.max(0).tolist()
        if x1 - x0 < _SMALLEST or y1 - y0 < _SMALLEST:
            return None
        left, right = max(int(np.floor(x0)), 0), min(int(np.ceil(x1)) + 1, w)
        top, bottom = max(int(np.floor(y0)), 0), min(int(np.ceil(y1)) + 1, h)
        if right <= left or bottom <= top:
            return None
        return slice(top, bottom), slice(left, right)

    def _fill(
        self,
        texture: Callable[[int], Sequence[NDArray[np.uint8]]],
        index: int,
        from_pixel: NDArray[np.float64],
        outline: NDArray[np.float64],
        box: tuple[slice, slice],
        *,
        backdrop: bool,
    ) -> None:
        """Sample the texture of one patch into the pixels where it is the nearest."""
        rows, columns = box
        low = np.array([columns.start, rows.start])
        have = self.nearness[box]
        inside = np.zeros(have.shape, np.uint8)
        cv2.fillConvexPoly(inside, np.round((outline - low) * 16).astype(np.int32), 255, shift=4)
        # Row three of the inverse homography gives 1 / depth, which is affine in the pixel.
        a, b, c = from_pixel[2].astype(np.float32)
        nearness = a * self._columns[columns] + (b * self._rows[rows] + c)
        visible = (inside != 0) & ((have == 0) if backdrop else (nearness > have))
        if not visible.any():
            return
        levels = texture(index)
        texels = levels[_level(from_pixel, outline.mean(0), levels)]
        to_texel = np.array([[texels.shape[1], 0, -0.5], [0, texels.shape[0], -0.5], [0, 0, 1.0]])
        shift = np.array([[1, 0, low[0]], [0, 1, low[1]], [0, 0, 1.0]])
        pixels = cv2.warpPerspective(
            texels,
            to_texel @ from_pixel @ shift,
            (columns.stop - columns.start, rows.stop - rows.start),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        visible &= pixels[..., 3] >= _OPAQUE_FROM
        cv2.copyTo(pixels, visible.view(np.uint8), self.colour[box])
        if not backdrop:
            np.copyto(have, nearness, where=visible)


def _clip(rays: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the corners (M, 3), in the optical frame, of the part beyond the near plane."""
    beyond = rays[:, 2] > NEAR
    kept = []
    for i in range(4):
        p, q = rays[i], rays[(i + 1) % 4]
        if beyond[i]:
            kept.append(p)
        if beyond[i] != beyond[(i + 1) % 4]:
            kept.append(p + (NEAR - p[2]) / (q[2] - p[2]) * (q - p))
    return np.array(kept)


def _level(
    from_pixel: NDArray[np.float64],
    pixel: NDArray[np.float64],
    levels: Sequence[NDArray[np.uint8]],
) -> int:
    """Return the pyramid level whose texels are nearest to a pixel in size."""
    h, w = levels[0].shape[:2]
    p = from_pixel @ (pixel[0], pixel[1], 1.0)
    # Derivatives of (u / q, v / q) by the two pixel coordinates.
    jacobian = (from_pixel[:2, :2] - np.outer(p[:2] / p[2], from_pixel[2, :2])) / p[2]
    (ux, uy), (vx, vy) = jacobian.tolist()
    ux, uy, vx, vy = ux * w, uy * w, vx * h, vy * h
    area = abs(ux * vy - uy * vx)
    longest = max(ux * ux + vx * vx, uy * uy + vy * vy) ** 0.5
    # Between the mean and the worst direction: grazing walls stay sharp without flicker.
    size = (area**0.5 * longest) ** 0.5
    return min(max(round(log2(max(size, 1e-6))), 0), len(levels) - 1)
