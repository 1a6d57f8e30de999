# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A map and its places in words, as Markdown."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.stamps import format_stamp

if TYPE_CHECKING:
    from vpr_ros.maps import PlaceMap
    from vpr_ros.search.map_health import MapHealth
    from vpr_ros.search.self_similarity import SelfSimilarity
    from vpr_ros.view.terrain import Terrain

_LISTED = 10


def table(headers: list[str], rows: list[list[str]]) -> str:
    """Return a table; a bar within a cell does not end it."""
    lines = [headers, ['---'] * len(headers), *rows]
    cells = [[cell.replace('|', '\\|').replace('\n', ' ') for cell in line] for line in lines]
    return '\n'.join(f'| {" | ".join(line)} |' for line in cells)


def about_map(place_map: PlaceMap, health: MapHealth, terrain: Terrain) -> str:
    """Return what a map is, and what its weak spots are."""
    sessions = place_map.session_list()
    model = place_map.model
    trained = '' if model.trained else ', never trained'
    parts = [
        f'# {place_map.path.name}',
        f'{health.places} places, described by {model.name}{trained}; frame {place_map.frame_id}',
        table(
            ['session', 'name', 'places', 'frame'],
            [[str(s.id), s.name, str(s.places), s.frame or 'of the map'] for s in sessions],
        ),
        f'Distinctness: {health.distinct}.',
    ]
    if terrain.moved:
        x, y, z = terrain.origin.tolist()
        parts.append(f'Positions are shown from x = {x:.0f}, y = {y:.0f}, z = {z:.0f} m.')
    if health.look_alikes:
        rows = [
            [_span(*pair.places), _span(*pair.resembles), f'{pair.similarity:.2f}']
            for pair in health.look_alikes[:_LISTED]
        ]
        parts += ['## Look-alike stretches', table(['places', 'look like', 'similarity'], rows)]
    if health.gaps:
        rows = [
            [f'{gap.before} and {gap.after}', f'{gap.metres:.1f} m']
            for gap in health.gaps[:_LISTED]
        ]
        parts += ['## Gaps', table(['between places', 'length'], rows)]
    if health.blank:
        rows = [[str(blank.place), blank.reason] for blank in health.blank[:_LISTED]]
        parts += ['## Blank places', table(['place', 'reason'], rows)]
    return '\n\n'.join(parts)


def about_place(place_map: PlaceMap, similarity: SelfSimilarity, index: int) -> str:
    """Return what is known of the place at an index of the examined ones."""
    snapshot = place_map.snapshot
    columns = snapshot.columns
    row, match = int(similarity.rows[index]), int(similarity.matches[index])
    name = snapshot.names[int(columns.sessions[row])][0]
    stamp = format_stamp(int(columns.stamps[row]))
    text = f'**place {columns.ids[row]}**, session {name}, {stamp} s'
    if match >= 0:
        apart = float(np.linalg.norm(columns.poses[row, :3] - columns.poses[match, :3]))
        away = '' if math.isnan(apart) else f', {apart:.1f} m away'
        text += (
            f'\n\nmost like place {columns.ids[match]}{away}: '
            f'similarity {similarity.elsewhere[index]:.3f}'
        )
        if not math.isnan(similarity.beside[index]):
            text += f', {similarity.beside[index]:.3f} with the places beside it'
    return text


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f'{first} to {last}'
