# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr map info --health``: the weak spots of a map."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

from vpr_ros.cli.console import progress_steps, show_table, table_of

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from vpr_ros.maps import PlaceMap
    from vpr_ros.search.map_health import MapHealth
    from vpr_ros.search.self_similarity import SelfSimilarity

_SHOWN = 10
"""Lines of a table; ``--json`` has all."""


def examine(place_map: PlaceMap, figure: Path | None) -> MapHealth:
    """Find the weak spots of a map, and draw them where wanted."""
    if figure is not None:  # a missing package is told now
        from vpr_ros.evaluation.health_figure import draw_health
    similarity, health = compared(place_map)
    if figure is not None:
        draw_health(place_map, similarity, health, figure)
    return health


def compared(place_map: PlaceMap) -> tuple[SelfSimilarity, MapHealth]:
    """Compare the places of a map with each other, and find its weak spots."""
    from vpr_ros.search.map_health import map_health
    from vpr_ros.search.self_similarity import self_similarity

    with progress_steps('comparing places') as tell:
        similarity = self_similarity(place_map, partial(tell, 'comparing places'))
        return similarity, map_health(
            place_map, similarity, partial(tell, 'looking at thumbnails')
        )


def show(health: MapHealth, out: Console) -> None:
    """Print the weak spots."""
    if health.examined < health.places:
        out.print(f'a sample of {health.examined} places of {health.places} was examined')
    if health.look_alikes:
        table = table_of('places', 'look like', 'most similar', 'apart', left=('places',))
        for pair in health.look_alikes[:_SHOWN]:
            table.add_row(
                _span(*pair.places),
                _span(*pair.resembles),
                f'{pair.similarity:.2f}',
                _metres(pair.metres),
            )
        show_table(out, 'look-alike stretches', table)
        _more(out, len(health.look_alikes))
    if health.gaps:
        table = table_of(
            'between places', 'length', 'spacing', 'around x, y', left=('between places',)
        )
        for gap in health.gaps[:_SHOWN]:
            x, y, _ = gap.middle
            table.add_row(
                f'{gap.before} and {gap.after}',
                _metres(gap.metres),
                _metres(gap.spacing),
                f'{x:.1f}, {y:.1f}',
            )
        show_table(out, 'gaps', table)
        _more(out, len(health.gaps))
    if health.blank:
        table = table_of('place', 'reason', left=('place', 'reason'))
        for blank in health.blank[:_SHOWN]:
            table.add_row(str(blank.place), blank.reason)
        show_table(out, 'blank places', table)
        _more(out, len(health.blank))
    if health.unseen:
        out.print(f'whether {health.unseen} places are blank is unknown: they have no thumbnail')
    if health.poseless:
        out.print(f'{health.poseless} of {health.places} places have no pose')
    if health.distinct == 'unknown':
        out.print('distinctness: unknown, too few places are 10 m apart')
    else:
        out.print(
            f'distinctness: {health.distinct}; the places beside a place are more similar to it '
            f'than those elsewhere, by {_rounded(health.distinctness)} deviations (median; '
            f'{_rounded(health.least_distinctness)} at the worst 5 %)'
        )
    if health.healthy:
        poseless = '' if health.poseless else ', none without a pose'
        out.print(f'healthy: no look-alike stretches, blank places or gaps{poseless}')


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f'{first} to {last}'


def _rounded(value: float) -> str:
    return f'{round(value, 1) + 0.0:.1f}'  # the sum is never -0.0


def _metres(value: float) -> str:
    return '' if math.isnan(value) else f'{value:.1f} m'


def _more(out: Console, count: int) -> None:
    if count > _SHOWN:
        out.print(f'and {count - _SHOWN} more (--json has all)')
