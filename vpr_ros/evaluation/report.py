# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reports of evaluations in a map, alone or compared, as HTML pages that need no other file."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2

from vpr_ros.evaluation import charts, words
from vpr_ros.evaluation.gallery import galleries
from vpr_ros.evaluation.summary import TOTAL
from vpr_ros.evaluation.words import (
    average_precision,
    metres,
    milliseconds,
    recovery,
    share,
    two_decimals,
)
from vpr_ros.localize import Status
from vpr_ros.wording import counted

if TYPE_CHECKING:
    from vpr_ros.evaluation.compare import Comparison
    from vpr_ros.evaluation.picture_sources import Pictures
    from vpr_ros.evaluation.results import Evaluation
    from vpr_ros.evaluation.summary import Summary


_MOST = 200
"""Changed queries listed of each kind."""


def render(template: str, **values: Any) -> str:
    """Return the page of a template beside this module; inserted values are escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = (
        average_precision,
        counted,
        share,
        metres,
        milliseconds,
        recovery,
        two_decimals,
    )
    environment.filters |= {function.__name__: function for function in filters}
    return environment.get_template(template).render(**values)


@dataclass(frozen=True)
class Headline:
    """One figure at the top: the number, its name and its meaning."""

    value: str
    name: str
    meaning: str
    tone: str = ''


def render_report(
    evaluation: Evaluation,
    *,
    query_pictures: Pictures | None = None,
    place_pictures: Pictures | None = None,
) -> str:
    """Return the page's HTML.

    Args:
        evaluation: The results to report.
        query_pictures: Pictures of the queries by stamp.
        place_pictures: Pictures of the places by id.
    """
    summary = evaluation.summary
    track = charts.track_chart(evaluation)
    return render(
        'report.html.j2',
        setup=evaluation.setup,
        places=evaluation.places,
        summary=summary,
        verdict=words.verdict(summary),
        headlines=_headlines(summary),
        curve=charts.precision_recall_chart(summary),
        matches=charts.match_chart(evaluation),
        track=track[0] if track else None,
        lifted=bool(track and track[1]),
        status_words={status.name: status.meaning for status in Status},
        slowest=max((latency.p95 for latency in summary.latency.values()), default=0.0),
        total_stage=TOTAL,
        galleries=galleries(evaluation, query_pictures, place_pictures),
        places_missing=query_pictures is not None and place_pictures is None,
        degrees=math.degrees,
    )


def _headlines(s: Summary) -> list[Headline]:
    wrong = s.accepted - s.accepted_right
    total = s.latency.get(TOTAL)
    first = share(s.recall.get(1, math.nan))
    worst = metres(s.position_error[95.0])
    items = [
        Headline(first, 'recall@1', 'of the images have a correct place as the first candidate'),
        Headline(
            share(s.precision_accepted),
            'precision of accepted images',
            f'of {s.accepted} accepted images have the correct place',
            '' if not s.accepted else 'bad' if wrong else 'good',
        ),
        Headline(
            str(wrong),
            'wrong and accepted',
            'images were accepted with a wrong place',
            'bad' if wrong else 'good' if s.accepted else '',
        ),
        Headline(
            share(s.recall_at_full_precision),
            'recall at 100 % precision',
            'with the best threshold that accepts no wrong place; known only afterwards',
        ),
        Headline(
            metres(s.position_error[50.0]),
            'median error',
            f'between true and published position; 95 % lie within {worst}',
        ),
    ]
    if total is not None:
        rate = f'; up to {1 / total.p50:.3g} images a second' if total.p50 > 0 else ''
        items.append(
            Headline(milliseconds(total.p50), 'per image', f'from message to decision{rate}')
        )
    return items


def render_comparison(comparison: Comparison) -> str:
    """Return the page's HTML."""
    first, second = comparison.first, comparison.second
    return render(
        'compare.html.j2',
        first=first,
        second=second,
        figures=comparison.figures(),
        points=words.points,
        verdict=words.change_verdict(comparison),
        curve=charts.curves_chart([first.curve, second.curve]),
        changes=[
            ('Gained', comparison.gained, 'wrong in A, correct in B'),
            ('Lost', comparison.lost, 'correct in A, wrong in B'),
        ],
        most=_MOST,
    )
