# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""An evaluation of loop closures as one HTML page."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.evaluation import charts
from vpr_ros.evaluation.gallery import data_uri
from vpr_ros.evaluation.loop_results import transform_error
from vpr_ros.evaluation.loop_words import verdict
from vpr_ros.evaluation.page import render

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vpr_ros.evaluation.gallery import Pictures
    from vpr_ros.evaluation.loop_results import LoopEvaluation, LoopRecord

_SHOWN = 6


def write_loop_report(path: Path, evaluation: LoopEvaluation, pictures: Pictures) -> None:
    """Write the page.

    Args:
        path: The HTML file.
        evaluation: What to report.
        pictures: Of keyframes, by stamp.
    """
    s, records = evaluation.summary, evaluation.records
    wrong = [i for i, r in enumerate(records) if r.kind == 'wrong']
    right = [i for i, r in enumerate(records) if r.kind == 'right']
    missed = [i for i, r in enumerate(records) if r.revisit and not r.announced]
    kinds = [
        ('Wrong loops', 'Announced, and not the same place.', 'bad', wrong),
        ('Closed', 'Announced, and the same place.', 'good', right),
        ('Missed', 'An old keyframe shows the same place, but no loop was announced.', '', missed),
    ]
    shown = {name: _spread(rows) for name, _, _, rows in kinds}
    stamps = {
        records[end].stamp for rows in shown.values() for i in rows for end in _ends(records, i)
    }
    images = {stamp: data_uri(rgb) for stamp, rgb in pictures(stamps).items()}
    page = render(
        'loops.html.j2',
        setup=evaluation.setup,
        summary=s,
        verdict=verdict(s),
        curve=charts.precision_recall_chart(s),
        matches=charts.loops_chart(records),
        track=charts.loop_track_chart(records),
        galleries=[
            (name, lead, tone, len(rows), [_card(records, i, images) for i in shown[name]])
            for name, lead, tone, rows in kinds
        ],
        degrees=math.degrees,
    )
    path.write_text(page, encoding='utf-8')


def _spread(rows: Sequence[int]) -> list[int]:
    """Choose a few, from the first to the last."""
    chosen = np.linspace(0, len(rows) - 1, min(_SHOWN, len(rows))).round().astype(int)
    return [rows[i] for i in chosen.tolist()]


def _ends(records: Sequence[LoopRecord], i: int) -> list[int]:
    other = records[i].match if records[i].announced else records[i].true_match
    return [i] if other is None else [i, other]


def _card(
    records: Sequence[LoopRecord], i: int, images: dict[int, str]
) -> tuple[str, str, list[str | None]]:
    """Return title, facts and pictures of a keyframe and its other end."""
    record, ends = records[i], _ends(records, i)
    title = ' and '.join(str(records[end].place_id) for end in ends)
    poses = [records[end].pose for end in ends]
    facts = record.reason
    if len(poses) > 1 and poses[0] is not None and poses[1] is not None:
        metres = float(np.linalg.norm(poses[0][:3] - poses[1][:3]))
        off = transform_error(record, records)
        told = '' if off is None else f'relative pose {off[0]:.2f} m off · '
        facts = f'{metres:.1f} m apart · {told}{facts}'
    return f'keyframe {title}', facts, [images.get(records[end].stamp) for end in ends]
