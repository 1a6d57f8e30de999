# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Galleries of matches with pictures and captions."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from vpr_ros.evaluation import charts
from vpr_ros.evaluation.words import metres

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpr_ros.evaluation.picture_sources import Pictures
    from vpr_ros.evaluation.results import Evaluation

_PER_GALLERY = 6
_PICTURE_WIDTH = 320
_JPEG_QUALITY = 82


@dataclass(frozen=True)
class Kind:
    """The matches of one gallery, and the words above it.

    Attributes:
        title: Heading.
        lead: Text above the matches.
        accepted: Whether it holds accepted matches, else rejected ones.
        right: Whether it holds correct matches, else wrong ones.
        empty: Text where there are none.
        doubtful_first: Order by score: lowest first, not highest.
    """

    title: str
    lead: str
    accepted: bool
    right: bool
    empty: str = 'None.'
    doubtful_first: bool = False


KINDS = (
    Kind(
        'Wrong and accepted',
        'The mistakes that hurt. Highest score first.',
        accepted=True,
        right=False,
        empty='None: no wrong answer was accepted.',
    ),
    Kind(
        'Correct and accepted',
        'Highest score first.',
        accepted=True,
        right=True,
        empty='None: no correct answer was accepted.',
    ),
    Kind(
        'Correct but not accepted',
        'The first candidate is correct but was rejected. Lowest score first.',
        accepted=False,
        right=True,
        empty='None: every correct answer was accepted.',
        doubtful_first=True,
    ),
    Kind(
        'Rejected correctly',
        'The first candidate is wrong and was rejected. Highest score first.',
        accepted=False,
        right=False,
    ),
)


@dataclass(frozen=True)
class Card:
    """One match in a gallery; pictures are named data URIs, None where one is missing."""

    pictures: list[tuple[str, str | None]]
    title: str
    facts: str
    reason: str = ''


@dataclass(frozen=True)
class Gallery:
    """Some of the matches of one kind, and how many there are in all."""

    kind: Kind
    total: int
    cards: list[Card]

    @property
    def wide(self) -> bool:
        """Whether a card has more than two pictures."""
        return any(len(card.pictures) > 2 for card in self.cards)


def galleries(
    evaluation: Evaluation, query_pictures: Pictures | None, place_pictures: Pictures | None
) -> list[Gallery]:
    """Choose matches of every kind and fetch their pictures, each source asked once."""
    s, queries = evaluation.summary, evaluation.queries
    judged = np.array([len(q.candidates) > 0 and q.truth is not None for q in queries], bool)
    accepted = np.array([q.accepted for q in queries], bool)
    scores = np.array([q.score for q in queries], np.float64)
    kept = [judged & (accepted == kind.accepted) & (s.right == kind.right) for kind in KINDS]
    chosen = [
        spread(np.flatnonzero(mask), scores if kind.doubtful_first else -scores)
        for kind, mask in zip(KINDS, kept, strict=True)
    ]
    rows = [row for group in chosen for row in group]
    ids = {int(queries[row].candidates.ids[0]) for row in rows}
    ids |= {place for row in rows if (place := _true_place(evaluation, row)) is not None}
    frames = encoded(query_pictures, {queries[row].stamp for row in rows})
    places = encoded(place_pictures, ids)
    return [
        Gallery(kind, int(mask.sum()), [_card(evaluation, row, frames, places) for row in group])
        for kind, mask, group in zip(KINDS, kept, chosen, strict=True)
    ]


def spread(rows: NDArray[np.intp], order: NDArray[np.float64]) -> list[int]:
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
    evaluation: Evaluation,
    row: int,
    frames: dict[int, str] | None,
    places: dict[int, str] | None,
) -> Card:
    query, summary = evaluation.queries[row], evaluation.summary
    found, place = query.candidates, int(query.candidates.ids[0])
    true_place = _true_place(evaluation, row)
    facts = [f'similarity {found.similarities[0]:.3f}', f'{found.hamming[0]} bits differ']
    if found.probabilities is not None:
        facts.insert(0, f'P(correct) {found.probabilities[0]:.2f}')
    if query.truth is not None:
        off = float(np.linalg.norm(found.poses[0, :3] - query.truth.position))
        facts.insert(0, f'{metres(off)} off')
    if not summary.right[row]:
        rank = summary.rank[row]
        facts.append(
            'the map has no correct place'
            if not summary.has_place[row]
            else f'correct place at rank {rank}'
            if rank
            else f'no correct place among the first {len(found)}'
        )
    pictures = [] if frames is None else [('query', frames.get(query.stamp))]
    if pictures and places is not None:
        pictures.append(('match', places.get(place)))
        if true_place in places:
            pictures.append(('correct place', places[true_place]))
    return Card(
        pictures,
        title=f'frame {row} → place {place}',
        facts=' · '.join(facts),
        reason='' if query.accepted else query.reason,
    )


def encoded(pictures: Pictures | None, keys: set[int]) -> dict[int, str] | None:
    """Fetch pictures as data URIs, small enough for the page; None without a source."""
    if pictures is None:
        return None
    return {key: data_uri(rgb) for key, rgb in pictures(keys)} if keys else {}


def data_uri(rgb: NDArray[np.uint8]) -> str:
    """Return an RGB picture as a JPEG data URI, at most 320 pixels wide."""
    height, width = rgb.shape[:2]
    if width > _PICTURE_WIDTH:
        size = (_PICTURE_WIDTH, max(1, round(height * _PICTURE_WIDTH / width)))
        rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    _, jpeg = cv2.imencode('.jpg', rgb[:, :, ::-1], options)
    return 'data:image/jpeg;base64,' + base64.b64encode(jpeg.tobytes()).decode('ascii')
