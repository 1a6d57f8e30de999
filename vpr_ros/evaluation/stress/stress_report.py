# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The report of a stress test as one HTML page."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vpr_ros.evaluation.gallery import Card, Gallery, Kind, data_uri
from vpr_ros.evaluation.report import render
from vpr_ros.evaluation.stress.stress_results import stress_verdict
from vpr_ros.evaluation.words import metres
from vpr_ros.inputs.frames.thumbnail_codec import decode_thumbnail

if TYPE_CHECKING:
    from vpr_ros.evaluation.stress.stress_results import StressEvaluation, WrongAnswer
    from vpr_ros.evaluation.stress.stress_run import StressRun
    from vpr_ros.maps import PlaceMap

_SHOWN, _OF_STATE = 24, 3
_WORST = Kind(
    'Worst wrong answers',
    'Given out as a position, and wrong: for each state those of the highest probability.',
    accepted=True,
    right=False,
    empty='None: no wrong answer was accepted.',
)


def render_stress_report(run: StressRun, place_map: PlaceMap) -> str:
    """Return the page's HTML.

    Args:
        run: The result with the pictures of wrong answers.
        place_map: The map, whose thumbnails are shown.
    """
    evaluation = run.evaluation
    worst = worst_answers(evaluation)
    queries = {key: data_uri(run.pictures[key].rgb) for key in {(w.state, w.frame) for w in worst}}
    places = {one.place: _place(place_map, one.place) for one in worst}
    cards = [
        Card(
            [('query', queries[one.state, one.frame]), ('answer', places[one.place])],
            title=f'{one.state}, {one.mode}',
            facts=' · '.join(_facts(one)),
            reason=one.reason,
        )
        for one in worst
    ]
    table = {(row.state, row.mode): row for row in evaluation.rows}
    return render(
        'stress.html.j2',
        setup=evaluation.setup,
        rows=evaluation.rows,
        table=table,
        worst=max(evaluation.rows, key=lambda row: (row.wrong, row.accepted), default=None),
        longest=max(evaluation.rows, key=lambda row: row.longest, default=None),
        frames=sum(row.frames for row in evaluation.rows),
        wrong=sum(row.wrong for row in evaluation.rows),
        verdict=stress_verdict(evaluation),
        galleries=[Gallery(_WORST, len(evaluation.wrong), cards)],
        degrees=math.degrees,
    )


def worst_answers(evaluation: StressEvaluation) -> list[WrongAnswer]:
    """Return a few wrong answers of each state, the most probable of each answered place."""
    chosen: list[WrongAnswer] = []
    for state in evaluation.setup.states:
        wrong = [answer for answer in evaluation.wrong if answer.state == state]
        places: dict[int, WrongAnswer] = {}
        for answer in sorted(wrong, key=lambda one: -_known(one.probability)):
            places.setdefault(answer.place, answer)
        chosen += list(places.values())[:_OF_STATE]
    return sorted(chosen, key=lambda one: -_known(one.probability))[:_SHOWN]


def _place(place_map: PlaceMap, place: int) -> str | None:
    """Return the thumbnail of a place; copies of places, which are gone, have none."""
    jpeg = place_map.thumbnail(place) if place else None
    return None if jpeg is None else data_uri(decode_thumbnail(jpeg))


def _known(probability: float) -> float:
    return 0.0 if math.isnan(probability) else probability


def _facts(answer: WrongAnswer) -> list[str]:
    facts = [f'frame {answer.frame} → place {answer.place}']
    if not math.isnan(answer.probability):
        facts.append(f'P(correct) {answer.probability:.3f}')
    off = f'{metres(answer.off)} off' if not math.isnan(answer.off) else 'no answer is right'
    return [*facts, off]
