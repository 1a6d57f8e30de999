# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""An evaluation as one HTML page that needs nothing else: no network, no scripts, no files."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import jinja2
import numpy as np

from vpr_ros.evaluation import charts
from vpr_ros.evaluation.summary import TOTAL
from vpr_ros.evaluation.words import metres, milliseconds, share, verdict

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpr_ros.evaluation.results import Evaluation
    from vpr_ros.evaluation.summary import Summary

Pictures = Callable[[Collection[int]], Mapping[int, 'NDArray[np.uint8]']]
"""Fetches RGB pictures by key all at once; a key without a picture is left out."""

_PER_GALLERY = 6
_PICTURE_WIDTH = 320
_JPEG_QUALITY = 82

_STATUS_WORDS = {
    'ACCEPTED': 'answered with a position',
    'NO_MAP': 'there was no map to look in',
    'BELOW_THRESHOLD': 'looked like no place in the map',
    'AMBIGUOUS': 'several distant places looked alike',
    'TEMPORALLY_INCONSISTENT': 'did not fit the frames before',
    'UNVERIFIED': 'the geometric check did not confirm it',
    'STALE_INPUT': 'came too late to be used',
}


@dataclass(frozen=True)
class Headline:
    """One figure at the top: the number, its name, and what it means in words."""

    value: str
    name: str
    meaning: str
    tone: str = ''


@dataclass(frozen=True)
class Card:
    """One match in a gallery; pictures are data URIs or None where there is none."""

    query: str | None
    match: str | None
    truth: str | None
    title: str
    facts: str
    reason: str


@dataclass(frozen=True)
class Gallery:
    """Matches of one kind."""

    title: str
    lead: str
    empty: str
    tone: str
    total: int
    cards: list[Card]


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
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {'share': share, 'metres': metres, 'milliseconds': milliseconds}
    template = Path(__file__).with_name('report.html.j2').read_text(encoding='utf-8')
    summary = evaluation.summary
    track = charts.track_chart(evaluation)
    return environment.from_string(template).render(
        setup=evaluation.setup,
        places=evaluation.places,
        summary=summary,
        verdict=verdict(summary),
        headlines=_headlines(summary),
        curve=charts.precision_recall_chart(summary),
        matches=charts.match_chart(evaluation),
        track=track[0] if track else None,
        lifted=bool(track and track[1]),
        status_words=_STATUS_WORDS,
        slowest=max((latency.p95 for latency in summary.latency.values()), default=0.0),
        total_stage=TOTAL,
        galleries=_galleries(evaluation, query_pictures, place_pictures),
        pictured=query_pictures is not None,
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


def _galleries(
    evaluation: Evaluation, query_pictures: Pictures | None, place_pictures: Pictures | None
) -> list[Gallery]:
    s, queries = evaluation.summary, evaluation.queries
    answered = np.array([len(q.candidate_ids) > 0 for q in queries], np.bool_)
    judged = answered & np.array([q.truth is not None for q in queries], np.bool_)
    accepted = np.array([q.accepted for q in queries], np.bool_)
    scores = np.array([q.score for q in queries], np.float64)
    wanted = [
        (
            'Confidently wrong',
            'Answered as sure, and wrong: the mistakes that hurt. Surest first.',
            'None: nothing wrong was answered as sure.',
            'bad',
            judged & accepted & ~s.right,
            -scores,
        ),
        (
            'Right and sure',
            'Answered, and right. Surest first.',
            'None: nothing right was answered.',
            'good',
            judged & accepted & s.right,
            -scores,
        ),
        (
            'Right, but it did not dare',
            'The first guess was right, yet it was held back. Most doubtful first.',
            'None: whatever was right was also answered.',
            '',
            judged & ~accepted & s.right,
            scores,
        ),
        (
            'Wrong, and held back',
            'The first guess was wrong and nothing was answered: doubt well placed.',
            'None.',
            '',
            judged & ~accepted & ~s.right,
            -scores,
        ),
    ]
    chosen = [_spread(np.flatnonzero(mask), order) for *_, mask, order in wanted]
    rows = [row for group in chosen for row in group]
    frames = _encoded(query_pictures, {queries[row].stamp for row in rows})
    ids = {int(queries[row].candidate_ids[0]) for row in rows}
    ids |= {place for row in rows if (place := _true_place(evaluation, row)) is not None}
    places = _encoded(place_pictures, ids)
    return [
        Gallery(
            title,
            lead,
            empty,
            tone,
            int(mask.sum()),
            [_card(evaluation, row, frames, places) for row in group],
        )
        for (title, lead, empty, tone, mask, _), group in zip(wanted, chosen, strict=True)
    ]


def _spread(rows: NDArray[np.intp], order: NDArray[np.float64]) -> list[int]:
    """Choose a few of the rows by order, but not neighbours, which would all look the same."""
    ranked = [int(row) for row in rows[np.argsort(order[rows], kind='stable')]]
    chosen: list[int] = []
    for gap in (max(3, len(order) // 25), 1):
        for row in ranked:
            if len(chosen) < _PER_GALLERY and all(abs(row - other) >= gap for other in chosen):
                chosen.append(row)
    return chosen


def _true_place(evaluation: Evaluation, row: int) -> int | None:
    """Id of the place nearest to where a wrongly matched frame was taken, if the map has one."""
    query, summary = evaluation.queries[row], evaluation.summary
    if summary.right[row] or not summary.has_place[row] or query.truth is None:
        return None
    nearest = charts.nearest_row(evaluation.places.poses, query.truth.as_array())
    return int(evaluation.places.ids[nearest])


def _card(
    evaluation: Evaluation, row: int, frames: dict[int, str], places: dict[int, str]
) -> Card:
    query, summary = evaluation.queries[row], evaluation.summary
    place = int(query.candidate_ids[0])
    true_place = _true_place(evaluation, row)
    facts = [f'similarity {query.similarities[0]:.3f}', f'{query.hamming[0]} bits differ']
    if query.probabilities is not None:
        facts.insert(0, f'P(right) {query.probabilities[0]:.2f}')
    if query.truth is not None:
        off = float(np.linalg.norm(query.candidate_poses[0, :3] - query.truth.position))
        facts.insert(0, f'{metres(off)} off')
    if not summary.right[row]:
        facts.append(_rank_words(evaluation, row))
    return Card(
        query=frames.get(query.stamp),
        match=places.get(place),
        truth=None if true_place is None else places.get(true_place),
        title=f'frame {row} → place {place}',
        facts=' · '.join(facts),
        reason='' if query.accepted else query.reason,
    )


def _rank_words(evaluation: Evaluation, row: int) -> str:
    """Say where among the candidates the right place came."""
    query = evaluation.queries[row]
    if not evaluation.summary.has_place[row]:
        return 'the map has no right place'
    rank = evaluation.summary.rank[row]
    if rank:
        return f'right place at rank {rank}'
    return f'right place not among the first {len(query.candidate_ids)}'


def _encoded(pictures: Pictures | None, keys: set[int]) -> dict[int, str]:
    """Fetch pictures and return them as data URIs, small enough for the page."""
    if pictures is None or not keys:
        return {}
    return {key: data_uri(rgb) for key, rgb in pictures(keys).items()}


def data_uri(rgb: NDArray[np.uint8]) -> str:
    """Return an RGB picture as a JPEG data URI, at most 320 pixels wide."""
    height, width = rgb.shape[:2]
    if width > _PICTURE_WIDTH:
        size = (_PICTURE_WIDTH, max(1, round(height * _PICTURE_WIDTH / width)))
        rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    _, jpeg = cv2.imencode('.jpg', rgb[:, :, ::-1], options)
    return 'data:image/jpeg;base64,' + base64.b64encode(jpeg.tobytes()).decode('ascii')
