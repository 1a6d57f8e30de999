# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The loops of one traverse, and its keyframes one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.evaluation.picture_sources import by_another_key
from vpr_ros.evaluation.words import loop_verdict
from vpr_ros.view import colours, layouts
from vpr_ros.view import entities as at
from vpr_ros.view.picture_tracks import play_frames, too_many
from vpr_ros.view.terrain import LINE, Terrain, show_way
from vpr_ros.view.tracks import play_arrows, play_scores, play_statuses, play_words
from vpr_ros.view.view_stream import Moments

if TYPE_CHECKING:
    from collections.abc import Callable

    from vpr_ros.evaluation.loop_results import LoopEvaluation, LoopRecord
    from vpr_ros.evaluation.picture_sources import Pictures
    from vpr_ros.view.view_stream import ViewStream


def show_loops(
    stream: ViewStream,
    evaluation: LoopEvaluation,
    pictures: Pictures,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> str:
    """Show the way and its loops, and play the keyframes.

    Args:
        stream: Takes them.
        evaluation: Of the loops.
        pictures: Of the keyframes, by stamp.
        progress: Told how many pictures are read, and of how many.

    Returns:
        What is not shown, in words; empty where all is.
    """
    records = evaluation.records
    poses = np.array(
        [np.full(7, np.nan) if record.pose is None else record.pose for record in records]
    ).reshape(-1, 7)
    terrain = Terrain.of(poses[:, :3])
    stamps = np.array([record.stamp for record in records], np.int64)
    moments = Moments('frame', np.arange(len(records)), stamps)
    stream.show(at.UP, xyz=at.Z_UP)
    show_way(stream, poses[:, :3], terrain)
    _show_kinds(stream, records, poses[:, :3], terrain)
    play_arrows(stream, at.QUERY_TRUTH, moments, poses, terrain, colours.HERE)
    inliers = [np.nan if record.inliers is None else record.inliers for record in records]
    scores = {
        at.SIMILARITY: np.array([record.similarity for record in records], np.float64),
        at.INLIERS: np.array(inliers, np.float64),
    }
    play_scores(stream, moments, scores)
    play_statuses(stream, moments, [record.status for record in records])
    texts = [_about(records, number) for number in range(len(records))]
    play_words(stream, at.QUERY_ABOUT, moments, texts)
    own = by_another_key(pictures, lambda number: records[number].stamp)
    shown = play_frames(stream, at.QUERY_PICTURE, moments, own, progress)
    earlier = by_another_key(pictures, lambda number: _earlier(records, number).stamp)
    matched = [number for number, record in enumerate(records) if record.match is not None]
    play_frames(
        stream,
        at.CANDIDATE_PICTURE.of('1'),
        moments,
        lambda numbers: earlier(sorted(set(numbers).intersection(matched))),
    )
    told = [too_many(len(records))] if too_many(len(records)) else []
    posed = bool(np.isfinite(poses[:, 0]).any())
    if not posed:
        told.append('no keyframe has a pose, so that there is no way to look at')
    left_out = '; '.join(told)
    heading = f'# Loops of {evaluation.setup.source}\n\n{loop_verdict(evaluation.summary)}'
    stream.say(heading, left_out)
    layout = layouts.of_drive(
        posed=posed, placed=False, pictured=shown > 0, errors=False, ranks=1 if matched else 0
    )
    stream.arrange(layout)
    return left_out


def _earlier(records: tuple[LoopRecord, ...], number: int) -> LoopRecord:
    """Return the keyframe that a keyframe is matched to."""
    match = records[number].match
    return records[number if match is None else match]


def _show_kinds(
    stream: ViewStream,
    records: tuple[LoopRecord, ...],
    positions: np.ndarray,
    terrain: Terrain,
) -> None:
    """Show the loops by kind, each as a line between two keyframes."""
    missed = {
        number: record.true_match
        for number, record in enumerate(records)
        if record.revisit and not record.announced
    }
    kinds = {
        kind: {n: record.match for n, record in enumerate(records) if record.kind == kind}
        for kind in ('right', 'wrong', 'unjudged')
    }
    shades = colours.RIGHT, colours.WRONG, colours.UNJUDGED, colours.HELD_BACK
    for (kind, pairs), colour in zip([*kinds.items(), ('missed', missed)], shades, strict=True):
        ends = [positions[[n, other]] for n, other in pairs.items() if other is not None]
        strips = [terrain.local(pair) for pair in ends if np.isfinite(pair).all()]
        if strips:
            stream.show(at.LOOPS.of(kind), strips=strips, radii=[LINE], colors=[colour])


def _about(records: tuple[LoopRecord, ...], number: int) -> str:
    """Return status, reason and match of a keyframe."""
    record = records[number]
    parts = [f'**{record.status}**, keyframe {number}, place {record.place_id}', record.reason]
    if record.match is not None:
        known = {True: 'the same place', False: 'another place', None: 'truth unknown'}
        announced = 'announced' if record.announced else 'not announced'
        parts.append(
            f'most like keyframe {record.match} (similarity {record.similarity:.3f}): '
            f'{announced}, {known[record.right]}'
        )
    return '\n\n'.join(parts)
