# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The report of an evaluation of loop closures as one HTML page."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.evaluation import charts
from vpr_ros.evaluation.gallery import Card, Gallery, Kind, encoded
from vpr_ros.evaluation.loop_results import transform_error
from vpr_ros.evaluation.report import render
from vpr_ros.evaluation.words import loop_verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpr_ros.evaluation.loop_results import LoopEvaluation, LoopRecord
    from vpr_ros.evaluation.picture_sources import Pictures

_SHOWN = 6
WRONG = Kind('Wrong loops', 'Announced, and not the same place.', accepted=True, right=False)
CLOSED = Kind('Closed', 'Announced, and the same place.', accepted=True, right=True)
_LEAD = 'An old keyframe shows the same place, but no loop was announced.'
MISSED = Kind('Missed', _LEAD, accepted=False, right=True)


def render_loop_report(evaluation: LoopEvaluation, pictures: Pictures) -> str:
    """Return the page's HTML; pictures are of keyframes, by stamp."""
    s, records = evaluation.summary, evaluation.records
    rows = {
        WRONG: [i for i, r in enumerate(records) if r.kind == 'wrong'],
        CLOSED: [i for i, r in enumerate(records) if r.kind == 'right'],
        MISSED: [i for i, r in enumerate(records) if r.revisit and not r.announced],
    }
    shown = {kind: _spread(found) for kind, found in rows.items()}
    ends = {end for found in shown.values() for i in found for end in _ends(records, i)}
    images = encoded(pictures, {records[end].stamp for end in ends}) or {}
    return render(
        'loops.html.j2',
        setup=evaluation.setup,
        summary=s,
        verdict=loop_verdict(s),
        curve=charts.precision_recall_chart(s),
        matches=charts.loops_chart(records),
        track=charts.loop_track_chart(records),
        galleries=[
            Gallery(kind, len(found), [_card(records, i, images) for i in shown[kind]])
            for kind, found in rows.items()
        ],
        degrees=math.degrees,
    )


def _spread(rows: Sequence[int]) -> list[int]:
    """Choose a few, from the first to the last."""
    chosen = np.linspace(0, len(rows) - 1, min(_SHOWN, len(rows))).round().astype(int)
    return [rows[i] for i in chosen.tolist()]


def _ends(records: Sequence[LoopRecord], i: int) -> list[int]:
    other = records[i].match if records[i].announced else records[i].true_match
    return [i] if other is None else [i, other]


def _card(records: Sequence[LoopRecord], i: int, images: dict[int, str]) -> Card:
    """Show a keyframe and the keyframe that it is matched to."""
    record, ends = records[i], _ends(records, i)
    poses = [records[end].pose for end in ends]
    facts = record.reason
    if len(poses) > 1 and poses[0] is not None and poses[1] is not None:
        metres = float(np.linalg.norm(poses[0][:3] - poses[1][:3]))
        off = transform_error(record, records)
        error = '' if off is None else f'relative pose {off[0]:.2f} m off · '
        facts = f'{metres:.1f} m apart · {error}{facts}'
    return Card(
        [
            (n, images.get(records[e].stamp))
            for n, e in zip(('later', 'earlier'), ends, strict=False)
        ],
        title=f'keyframe {" and ".join(str(records[end].place_id) for end in ends)}',
        facts=facts,
    )
