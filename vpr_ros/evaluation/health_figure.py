# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A picture of a map's places with its weak spots."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from vpr_ros.search.map_health import resembling

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from vpr_ros.maps import PlaceMap
    from vpr_ros.search.map_health import MapHealth
    from vpr_ros.search.self_similarity import SelfSimilarity

_LOOK_ALIKE, _GAP, _BLANK = '#c0562f', '#111111', '#7b4fa3'
_MOST_DISTINCT = 8.0


def draw_health(
    place_map: PlaceMap, similarity: SelfSimilarity, health: MapHealth, path: Path
) -> None:
    """Draw the examined places by x and y, coloured by distinctness, with the weak spots."""
    columns, rows = place_map.snapshot.columns, similarity.rows
    positions = columns.poses[:, :2]
    with mpl.rc_context({'font.size': 9, 'axes.spines.top': False, 'axes.spines.right': False}):
        figure = Figure(figsize=(9, 7), layout='constrained')
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        alike = resembling(similarity)
        for first, other in zip(rows[alike], similarity.matches[alike], strict=True):
            x, y = _arc(positions[first], positions[other]).T
            (line,) = axes.plot(x, y, 'o-', color=_LOOK_ALIKE, mfc='none', ms=7, lw=0.7, alpha=0.7)
            line.set_markevery([0, -1])
        if alike.any():
            line.set_label('look-alikes')
        x, y = positions[rows].T
        shades = similarity.distinctness
        dots = axes.scatter(x, y, s=14, c=shades, vmin=0, vmax=_MOST_DISTINCT, zorder=2)
        figure.colorbar(dots, label='distinctness, deviations')
        if health.gaps:
            middles = np.array([gap.middle for gap in health.gaps])
            axes.plot(*middles[:, :2].T, 'x', color=_GAP, label='gaps', zorder=3)
        if health.blank:
            blank = columns.rows_of([each.place for each in health.blank])
            axes.plot(*positions[blank].T, 's', mfc='none', color=_BLANK, label='blank', zorder=3)
        if alike.any() or health.gaps or health.blank:
            axes.legend(frameon=False)
        title = f'{place_map.path.name}: distinctness {health.distinct}'
        axes.set(title=title, xlabel='x, m', ylabel='y, m', aspect='equal')
        axes.set_adjustable('datalim')
        figure.savefig(path, dpi=140)


def _arc(start: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return points (N, 2) of a bow between two, which a straight way does not hide."""
    t = np.linspace(0, 1, 17)[:, None]
    aside = (end - start)[::-1] * (-0.25, 0.25)
    return start + t * (end - start) + 4 * t * (1 - t) * aside
