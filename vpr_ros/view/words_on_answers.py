# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Answers to images in words, as Markdown."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.evaluation.words import metres
from vpr_ros.view.words_on_maps import table

if TYPE_CHECKING:
    from vpr_ros.evaluation import QueryResult
    from vpr_ros.maps import PlaceMap


def about_answer(name: str, query: QueryResult, place_map: PlaceMap, most: int) -> str:
    """Return status, reason and the first candidates of a frame.

    Args:
        name: Of the frame.
        query: The answer.
        place_map: Where the candidates are from.
        most: Candidates that are listed.
    """
    found = query.candidates.take(slice(most))
    columns, names = place_map.snapshot.columns, place_map.snapshot.names
    sessions = columns.sessions[columns.rows_of(found.ids)].tolist()
    # What nobody knows of any of them gets no column.
    cells: dict[str, list[str]] = {
        'place': [str(place) for place in found.ids.tolist()],
        'session': [names[session][0] or str(session) for session in sessions],
        'similarity': [f'{value:.3f}' for value in found.similarities.tolist()],
    }
    if found.probabilities is not None:
        cells['probability'] = [f'{value:.3f}' for value in found.probabilities.tolist()]
    if found.inliers is not None:
        inliers = found.inliers.tolist()
        cells['inliers'] = ['' if math.isnan(value) else str(int(value)) for value in inliers]
    if query.truth is not None:
        off = np.linalg.norm(found.poses[:, :3] - query.truth.position, axis=1)
        cells['off'] = [metres(value) for value in off.tolist()]
    parts = [f'**{query.status}**, {name}', query.reason]
    if query.pose is not None:
        x, y, z = query.pose.position.tolist()
        yaw = math.degrees(query.pose.yaw)
        answer = f'pose: x {x:.2f}, y {y:.2f}, z {z:.2f} m, yaw {yaw:.0f}°'
        if query.truth is not None:
            answer += f', {metres(query.pose.distance_to(query.truth))} off'
        parts.append(answer)
    if len(found):
        rows = [list(row) for row in zip(*cells.values(), strict=True)]
        parts.append(table(list(cells), rows))
    return '\n\n'.join(parts)
