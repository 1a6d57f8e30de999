# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The wrong answers of a stress test, one after the other."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.evaluation.stress.stress_results import stress_verdict
from vpr_ros.evaluation.words import metres, share
from vpr_ros.view import colours, layouts
from vpr_ros.view import entities as at
from vpr_ros.view.picture_tracks import play_frames, play_places, too_many
from vpr_ros.view.terrain import Terrain, show_places
from vpr_ros.view.tracks import play_points, play_scores, play_words
from vpr_ros.view.view_stream import Moments
from vpr_ros.view.words_on_maps import table

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from numpy.typing import NDArray

    from vpr_ros.evaluation.stress.stress_results import StressEvaluation, WrongAnswer
    from vpr_ros.evaluation.stress.stress_run import StressRun
    from vpr_ros.maps import PlaceMap
    from vpr_ros.view.view_stream import ViewStream


def show_stress(
    stream: ViewStream,
    run: StressRun,
    place_map: PlaceMap,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> str:
    """Show the map and the figures, and play the wrong answers.

    Args:
        stream: Takes them.
        run: The result with the pictures of wrong answers.
        place_map: The map.
        progress: Told how many pictures are drawn, and of how many.

    Returns:
        What is not shown, in words; empty where all is.

    Raises:
        MapError: A thumbnail is damaged.
    """
    snapshot, wrong = place_map.snapshot, run.evaluation.wrong
    columns = snapshot.columns
    terrain = Terrain.of(columns.poses[:, :3], snapshot.meta.datum)
    show_places(stream, snapshot, terrain)
    moments = Moments('answer', np.arange(len(wrong)))
    ids = np.array([answer.place for answer in wrong], np.int64)
    known = np.isin(ids, columns.ids)  # copies of places are gone
    positions = np.full((len(wrong), 3), np.nan)
    positions[known] = columns.poses[columns.rows_of(ids[known]), :3]
    play_points(stream, at.QUERY_CANDIDATES, moments, terrain.local(positions), colours.WRONG)
    scores = {
        at.PROBABILITY: np.array([answer.probability for answer in wrong], np.float64),
        at.ANSWER_ERROR: np.array([answer.off for answer in wrong], np.float64),
    }
    play_scores(stream, moments, scores, points=True)
    play_words(stream, at.QUERY_ABOUT, moments, [_about(answer) for answer in wrong])

    def pictures(numbers: Collection[int]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        for number in sorted(numbers):
            yield number, run.pictures[wrong[number].state, wrong[number].frame].rgb

    play_frames(stream, at.QUERY_PICTURE, moments, pictures, progress)
    answered = [place if has else None for place, has in zip(ids.tolist(), known, strict=True)]
    thumbnails = play_places(stream, at.CANDIDATE_PICTURE.of('1'), moments, place_map, answered)
    left_out = too_many(len(wrong))
    stream.say(_about_all(run.evaluation), left_out)
    stream.arrange(
        layouts.of_wrong_answers(
            posed=place_map.has_poses,
            placed=bool(np.isfinite(snapshot.on_earth()[:, 0]).any()),
            answers=len(wrong) > 0,
            pictured=thumbnails > 0,
        )
    )
    return left_out


def _about(answer: WrongAnswer) -> str:
    """Return a wrong answer in words."""
    sure = '' if math.isnan(answer.probability) else f', probability {answer.probability:.3f}'
    off = 'no answer is right' if math.isnan(answer.off) else f'{metres(answer.off)} off'
    facts = f'frame {answer.frame}, answered place {answer.place}{sure}; {off}'
    return f'**{answer.state}**, {answer.mode}\n\n{facts}\n\n{answer.reason}'


def _about_all(evaluation: StressEvaluation) -> str:
    """Return the figures."""
    setup = evaluation.setup
    rows = [
        [
            row.state,
            row.mode,
            str(row.frames),
            str(row.accepted),
            str(row.wrong),
            share(row.wrong / row.frames if row.frames else math.nan),
        ]
        for row in evaluation.rows
    ]
    headers = ['state', 'mode', 'frames', 'accepted', 'wrong', 'share']
    heading = f'# {setup.map}, put to the test with {setup.query}'
    return '\n\n'.join([heading, stress_verdict(evaluation), table(headers, rows)])
