# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""An evaluation as one HTML page that needs nothing else: no network, no scripts, no files."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vpr_ros.evaluation import charts
from vpr_ros.evaluation.gallery import galleries
from vpr_ros.evaluation.page import render
from vpr_ros.evaluation.summary import TOTAL
from vpr_ros.evaluation.words import metres, milliseconds, share, verdict
from vpr_ros.localize import Status

if TYPE_CHECKING:
    from pathlib import Path

    from vpr_ros.evaluation.gallery import Pictures
    from vpr_ros.evaluation.results import Evaluation
    from vpr_ros.evaluation.summary import Summary


@dataclass(frozen=True)
class Headline:
    """One figure at the top: the number, its name, and what it means in words."""

    value: str
    name: str
    meaning: str
    tone: str = ''


def write_report(
    path: Path,
    evaluation: Evaluation,
    *,
    query_pictures: Pictures | None = None,
    place_pictures: Pictures | None = None,
) -> None:
    """Write the page.

    Args:
        path: The HTML file.
        evaluation: What to report.
        query_pictures: Pictures of the frames by stamp.
        place_pictures: Pictures of the places by id.
    """
    page = render_report(evaluation, query_pictures=query_pictures, place_pictures=place_pictures)
    path.write_text(page, encoding='utf-8')


def render_report(
    evaluation: Evaluation,
    *,
    query_pictures: Pictures | None = None,
    place_pictures: Pictures | None = None,
) -> str:
    """Return the page's HTML; arguments as of `write_report`."""
    summary = evaluation.summary
    track = charts.track_chart(evaluation)
    return render(
        'report.html.j2',
        setup=evaluation.setup,
        places=evaluation.places,
        summary=summary,
        verdict=verdict(summary),
        headlines=_headlines(summary),
        curve=charts.precision_recall_chart(summary),
        matches=charts.match_chart(evaluation),
        track=track[0] if track else None,
        lifted=bool(track and track[1]),
        status_words={status.name: status.meaning for status in Status},
        slowest=max((latency.p95 for latency in summary.latency.values()), default=0.0),
        total_stage=TOTAL,
        galleries=galleries(evaluation, query_pictures, place_pictures),
        pictured=query_pictures is not None,
        places_pictured=place_pictures is not None,
        degrees=math.degrees,
    )


def _headlines(s: Summary) -> list[Headline]:
    wrong = s.accepted - s.accepted_right
    total = s.latency.get(TOTAL)
    items = [
        Headline(
            share(s.recall.get(1, math.nan)),
            'recall@1',
            'of the frames had their right place as the first guess',
        ),
        Headline(
            share(s.precision_accepted),
            'precision when it answered',
            f'of its {s.accepted} answers were right',
            '' if not s.accepted else 'bad' if wrong else 'good',
        ),
        Headline(
            str(wrong),
            'confidently wrong',
            'answers given out as sure that were not so',
            'bad' if wrong else 'good' if s.accepted else '',
        ),
        Headline(
            share(s.recall_at_full_precision),
            'recall at 100 % precision',
            'could be answered without one mistake, had the threshold been chosen with hindsight',
        ),
        Headline(
            metres(s.position_error[50.0]),
            'median error',
            f'between true and answered position; 95 % lie within '
            f'{metres(s.position_error[95.0])}',
        ),
    ]
    if total is not None:
        rate = f'; enough for {1 / total.p50:.3g} frames a second' if total.p50 > 0 else ''
        items.append(
            Headline(milliseconds(total.p50), 'per frame', f'from message to verdict{rate}')
        )
    return items
