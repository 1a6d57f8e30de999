# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Explanations as pictures, one row of panels an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import cv2
import numpy as np

from vpr_ros.describe.explanation import agreement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vpr_ros.describe.explanation import ExplainedRegion, Explanation

    Picture = NDArray[np.uint8]

_FINE = 2  # drawn so many times larger and then reduced: smooth lines and letters
_GAP = 12
_LINE = 26  # of text, pixels
_TALLEST = 1.4  # height of a panel over its width, at most
_MEDIUM = 4  # regions that come first
_BACKGROUND = (22, 24, 29)
_INK = (236, 237, 240)
_FAINT = (150, 154, 163)
_BEFORE = (96, 98, 104)
# Told apart by most kinds of colour vision: neighbours differ in lightness too.
_COLOURS = (
    (255, 176, 0),
    (86, 180, 233),
    (240, 98, 146),
    (64, 224, 160),
    (255, 112, 67),
    (186, 147, 255),
    (240, 228, 66),
    (0, 200, 215),
    (230, 230, 230),
)


@dataclass(frozen=True, eq=False)
class Shown:
    """One row of the picture.

    Attributes:
        title: Said above it.
        rgb: (H, W, 3) uint8.
        explanation: Of this image.
    """

    title: str
    rgb: NDArray[np.uint8]
    explanation: Explanation


def picture(rows: Sequence[Shown], caption: str = '', width: int = 360) -> NDArray[np.uint8]:
    """Draw explanations below each other, such as a query's and its match's.

    With two rows of a network whose descriptors are made of regions, each region bears the
    cosine between the two.

    Args:
        rows: At least one, all by the same network.
        caption: Said above everything.
        width: Of one panel, pixels.

    Returns:
        RGB (H, W, 3) uint8.
    """
    alike = np.empty(0, np.float32)
    if len(rows) == 2:
        alike = agreement(rows[0].explanation, rows[1].explanation)
    return _stacked([_row(_panels(row, alike, width * _FINE)) for row in rows], caption)


def comparison(rows: Sequence[Shown], caption: str = '', width: int = 360) -> NDArray[np.uint8]:
    """Draw how several networks see an image below each other, by what all of them have.

    Args:
        rows: At least one, each by a network of its own.
        caption: Said above everything.
        width: Of one panel, pixels.

    Returns:
        RGB (H, W, 3) uint8.
    """
    strips = []
    for row in rows:
        image = _fitted(row, width * _FINE)
        strips.append(_row([(row.title, image), *_heats(row.explanation, image, compared=True)]))
    return _stacked(strips, caption)


def _stacked(strips: list[Picture], caption: str) -> Picture:
    """Lay rows of panels below each other, the shorter ones to the left."""
    width = max(strip.shape[1] for strip in strips)
    strips = [_bordered(strip, 0, 0, width - strip.shape[1]) for strip in strips]
    if caption:
        strips.insert(0, _text_strip(caption, width, 0.62, _INK))
    drawn = _bordered(np.vstack(strips), _GAP * _FINE, 0)
    size = (drawn.shape[1] // _FINE, drawn.shape[0] // _FINE)
    return cast('Picture', cv2.resize(drawn, size, interpolation=cv2.INTER_AREA))


def _fitted(row: Shown, width: int) -> Picture:
    height, breadth = row.rgb.shape[:2]
    size = (width, max(_LINE * _FINE, round(width * min(height / breadth, _TALLEST))))
    return cast('Picture', cv2.resize(row.rgb, size, interpolation=cv2.INTER_AREA))


def _heats(seen: Explanation, image: Picture, *, compared: bool) -> list[tuple[str, Picture]]:
    """Return the titled pictures of what counts where.

    Features are drawn for comparisons, and where the attention is not that of the network.
    """
    panels = []
    if seen.attention is not None and not compared:
        panels.append(('where the class token attends', _heat(image, seen.attention)))
    elif seen.features is not None:
        panels.append(('features of the patches', _heat(image, seen.features)))
    if seen.weight is not None:
        panels.append(('weight in the descriptor', _heat(image, seen.weight)))
    return panels


def _panels(row: Shown, alike: NDArray[np.float32], width: int) -> list[tuple[str, Picture]]:
    """Return the titled pictures of one image."""
    image = _fitted(row, width)
    seen = row.explanation
    panels = [(row.title, image), *_heats(seen, image, compared=False)]
    if seen.regions:
        groups = (('medium regions', 0, _MEDIUM), ('small regions', _MEDIUM, len(seen.regions)))
        for title, start, end in groups:
            labels = [f'{value:.2f}' for value in alike[1 + start : 1 + end]]
            drawn = _mesh(image, seen.regions[start:end], labels)
            panels.append((f'{title}, and their likeness' if labels else title, drawn))
    return panels


def _row(panels: Sequence[tuple[str, Picture]]) -> Picture:
    return np.hstack([_titled(title, panel) for title, panel in panels])


def _heat(image: Picture, values: NDArray[np.float32]) -> Picture:
    """Lay values (G, G) over an image in colours; black where there are least."""
    low, high = np.percentile(values, (2, 99.5))
    scaled = np.clip((values - low) / max(high - low, 1e-12), 0, 1).astype(np.float32)
    smooth = cv2.resize(scaled, image.shape[1::-1], interpolation=cv2.INTER_CUBIC).clip(0, 1)
    colours = cv2.applyColorMap((255 * smooth).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    opaque = 0.45 + 0.4 * smooth[..., None]
    blended = _grey(image) * (1 - opaque) + colours * opaque
    return cast('Picture', blended.astype(np.uint8))


def _mesh(image: Picture, regions: Sequence[ExplainedRegion], labels: Sequence[str]) -> Picture:
    """Draw where regions are sampled, after and before the deformation."""
    canvas = (_grey(image) * 0.55).astype(np.uint8)
    lines = canvas.copy()
    for region in regions:
        _net(lines, _pixels(region.plain, canvas), _BEFORE)
    for region, colour in zip(regions, _COLOURS, strict=False):
        _net(lines, _pixels(region.moved, canvas), colour)
    canvas = cast('Picture', cv2.addWeighted(canvas, 0.35, lines, 0.65, 0))
    for region, colour in zip(regions, _COLOURS, strict=False):
        for x, y in _pixels(region.moved, canvas).reshape(-1, 2):
            cv2.circle(canvas, (int(x), int(y)), 6, colour, cv2.FILLED, cv2.LINE_AA)
    for region, colour, label in zip(regions, _COLOURS, labels, strict=False):
        x, y = _pixels(region.moved, canvas).reshape(-1, 2).mean(0)
        _label(canvas, label, (int(x), int(y)), colour)
    return canvas


def _pixels(points: NDArray[np.float32], canvas: Picture) -> NDArray[np.int32]:
    last = np.array([canvas.shape[1] - 1, canvas.shape[0] - 1])
    return np.asarray(np.rint(points * last), np.int32)


def _net(canvas: Picture, points: NDArray[np.int32], colour: Sequence[int]) -> None:
    """Join the points (rows, columns, 2) with their neighbours."""
    lines = [np.ascontiguousarray(line) for line in (*points, *points.transpose(1, 0, 2))]
    cv2.polylines(canvas, lines, False, colour, 2, cv2.LINE_AA)  # noqa: FBT003


def _label(canvas: Picture, text: str, centre: tuple[int, int], colour: Sequence[int]) -> None:
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, 1.0, 2)
    x, y = centre[0] - width // 2, centre[1] + height // 2
    cv2.rectangle(canvas, (x - 8, y - height - 8), (x + width + 8, y + 8), _BACKGROUND, cv2.FILLED)
    cv2.putText(canvas, text, (x, y), cv2.FONT_HERSHEY_DUPLEX, 1.0, colour, 2, cv2.LINE_AA)


def _grey(image: Picture) -> Picture:
    return cast(
        'Picture', cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    )


def _titled(title: str, panel: Picture) -> Picture:
    """Put a title above a panel and a margin to its left and right."""
    head = _text_strip(title, panel.shape[1], 0.46, _FAINT, margin=0)
    return _bordered(np.vstack([head, panel]), 0, _GAP * _FINE // 2)


def _bordered(image: Picture, below: int, left: int, right: int | None = None) -> Picture:
    sides = 0, below, left, left if right is None else right
    border = cv2.copyMakeBorder(image, *sides, cv2.BORDER_CONSTANT, value=_BACKGROUND)
    return cast('Picture', border)


def _text_strip(
    text: str, width: int, scale: float, colour: Sequence[int], margin: int = _GAP // 2
) -> Picture:
    """Draw one line of text, made smaller where it would not fit."""
    strip = np.full(((_LINE + margin) * _FINE, width, 3), _BACKGROUND, np.uint8)
    plain = text.encode('ascii', 'replace').decode()  # OpenCV has no other letters
    font, scale = cv2.FONT_HERSHEY_DUPLEX, scale * _FINE
    needed = cv2.getTextSize(plain, font, scale, 1)[0][0]
    scale *= min(1.0, (width - 2 * margin * _FINE) / max(needed, 1))
    at = (margin * _FINE, (_LINE + margin - 8) * _FINE)
    cv2.putText(strip, plain, at, font, scale, colour, 1, cv2.LINE_AA)
    return strip
