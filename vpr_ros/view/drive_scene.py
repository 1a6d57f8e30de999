# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Frames that were localised in a map, one after the other: images, candidates and answers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.evaluation.metrics import distances, pose_rows
from vpr_ros.evaluation.picture_sources import by_another_key
from vpr_ros.evaluation.words import verdict
from vpr_ros.geometry.confidence import outline_of
from vpr_ros.view import colours, layouts
from vpr_ros.view import entities as at
from vpr_ros.view.picture_tracks import play_frames, play_places, too_many
from vpr_ros.view.terrain import BIG_POINT, LINE, POINT, Terrain, show_places, show_way
from vpr_ros.view.tracks import (
    play_arrows,
    play_marks,
    play_points,
    play_scores,
    play_statuses,
    play_words,
)
from vpr_ros.view.view_stream import Moments
from vpr_ros.view.words_on_answers import about_answer
from vpr_ros.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from vpr_ros.evaluation import Evaluation, QueryResult
    from vpr_ros.evaluation.picture_sources import Pictures
    from vpr_ros.maps import PlaceMap
    from vpr_ros.view.view_stream import ViewStream

    Floats = NDArray[np.float64]
    Mask = NDArray[np.bool_]

RANKS = 3
"""Candidates whose pictures are shown."""
_SPHERES = 20
"""Candidates that are drawn."""


@dataclass(frozen=True, eq=False)
class AnsweredDrive:
    """Q frames that were localised in a map.

    Attributes:
        place_map: The map.
        queries: Q answers.
        pictures: Of the frames, by number from 0.
        names: Q names of the frames.
        stamped: Whether the frames have stamps that mean something.
        places: (N, 7) true poses of the places in place of those of the map, None for those.
        right: (Q,) whether the first candidate is a correct place; None where nobody knows.
        about: What was found, as Markdown.
    """

    place_map: PlaceMap
    queries: Sequence[QueryResult]
    pictures: Pictures
    names: Sequence[str]
    stamped: bool = True
    places: Floats | None = None
    right: Mask | None = None
    about: str = ''

    @staticmethod
    def evaluated(
        evaluation: Evaluation, place_map: PlaceMap, pictures: Pictures
    ) -> AnsweredDrive:
        """Return the frames of an evaluation, whose pictures come by stamp."""
        queries, setup = evaluation.queries, evaluation.setup
        found = f'# {setup.query} in {setup.map}\n\n{verdict(evaluation.summary)}'
        return AnsweredDrive(
            place_map,
            queries,
            by_another_key(pictures, lambda frame: queries[frame].stamp),
            [f'frame {number}' for number in range(len(queries))],
            places=None if place_map.has_poses else evaluation.places.poses,
            right=evaluation.summary.right,
            about=found,
        )

    @staticmethod
    def asked(
        place_map: PlaceMap,
        queries: Sequence[QueryResult],
        names: Sequence[str],
        pictures: Pictures,
    ) -> AnsweredDrive:
        """Return single images, whose pictures come by number."""
        statuses = Counter(query.status for query in queries)
        lines = [f'- {status}: {count}' for status, count in sorted(statuses.items())]
        heading = f'# {counted(len(queries), "image")} in {place_map.path.name}'
        about = '\n'.join([heading, '', *lines])
        return AnsweredDrive(place_map, queries, pictures, names, stamped=False, about=about)

    @property
    def moments(self) -> Moments:
        """The time of each frame."""
        stamps = np.array([query.stamp for query in self.queries], np.int64)
        numbers = np.arange(len(self.queries), dtype=np.int64)
        return Moments('frame', numbers, stamps if self.stamped else None)


def show_drive(
    stream: ViewStream,
    drive: AnsweredDrive,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> str:
    """Show the map, and play the frames.

    Args:
        stream: Takes them.
        drive: The frames.
        progress: Told how many pictures are read, and of how many.

    Returns:
        What is not shown, in words; empty where all is.

    Raises:
        MapError: A thumbnail is damaged.
    """
    snapshot = drive.place_map.snapshot
    places = snapshot.columns.poses if drive.places is None else drive.places
    truths = pose_rows(query.truth for query in drive.queries)
    answers = pose_rows(query.pose for query in drive.queries)
    terrain = Terrain.of(np.concatenate([places, truths])[:, :3], snapshot.meta.datum)
    show_places(stream, snapshot, terrain, drive.places)
    _show_judged(stream, drive, truths, terrain)
    _play_poses(stream, drive, truths, answers, terrain)
    _play_candidates(stream, drive, terrain)
    _play_scores(stream, drive, truths, answers)
    pictured = play_frames(stream, at.QUERY_PICTURE, drive.moments, drive.pictures, progress)
    thumbnails = _play_thumbnails(stream, drive)
    left_out = _left_out(drive, pictured, thumbnails)
    stream.say(drive.about, left_out)
    stream.arrange(
        layouts.of_drive(
            posed=bool(np.isfinite(np.concatenate([places, truths])[:, 0]).any()),
            placed=bool(np.isfinite(snapshot.on_earth()[:, 0]).any()),
            pictured=pictured > 0,
            errors=bool(np.isfinite(truths[:, 0]).any()),
            ranks=RANKS if thumbnails else 0,
        )
    )
    return left_out


def _show_judged(
    stream: ViewStream, drive: AnsweredDrive, truths: Floats, terrain: Terrain
) -> None:
    """Show the whole way, and what became of each frame, by colour."""
    positions = truths[:, :3]
    show_way(stream, positions, terrain)
    if drive.right is None:
        return
    known = np.isfinite(positions[:, 0])
    accepted = np.array([query.accepted for query in drive.queries], np.bool_)
    for name, mask, colour in (
        ('right', accepted & drive.right, colours.RIGHT),
        ('wrong', accepted & ~drive.right, colours.WRONG),
        ('held back', ~accepted, colours.HELD_BACK),
    ):
        rows = np.flatnonzero(mask & known)
        if len(rows):
            stream.show(
                at.DRIVE_JUDGED.of(name),
                positions=terrain.local(positions[rows]),
                radii=[BIG_POINT],
                colors=[colour],
                labels=[drive.names[row] for row in rows.tolist()],
                show_labels=False,
            )
    wrong = [
        terrain.local(np.stack([positions[row], drive.queries[row].candidates.poses[0, :3]]))
        for row in np.flatnonzero(accepted & ~drive.right & known).tolist()
        if np.isfinite(drive.queries[row].candidates.poses[:1, 0]).any()
    ]
    if wrong:
        stream.show(at.DRIVE_WRONG, strips=wrong, radii=[LINE], colors=[colours.WRONG])


def _play_poses(
    stream: ViewStream, drive: AnsweredDrive, truths: Floats, answers: Floats, terrain: Terrain
) -> None:
    """Play true and answered poses, the latter with the ellipse that holds 95 %."""
    moments = drive.moments
    play_arrows(stream, at.QUERY_TRUTH, moments, truths, terrain, colours.TRUTH)
    play_arrows(stream, at.QUERY_ANSWER, moments, answers, terrain, colours.RIGHT)
    true, answered = (terrain.on_earth(poses[:, :3]) for poses in (truths, answers))
    play_points(stream, at.TRUTH_ON_EARTH, moments, true, colours.TRUTH)
    play_points(stream, at.ANSWER_ON_EARTH, moments, answered, colours.RIGHT)
    outlines, has = [], np.zeros(len(moments), np.bool_)
    for row, query in enumerate(drive.queries):
        if query.pose is not None and query.covariance is not None:
            edge = outline_of(query.covariance[:2, :2])
            centre = query.pose.position
            outlines.append(terrain.local(np.pad(edge, ((0, 0), (0, 1))) + centre))
            has[row] = True
    if outlines:
        play_marks(stream, at.QUERY_ELLIPSE, moments, has, LINE, colours.RIGHT, strips=outlines)


def _play_candidates(stream: ViewStream, drive: AnsweredDrive, terrain: Terrain) -> None:
    """Play where the candidates are, by their probability, else similarity."""
    positions, scores, labels, lengths = [], [], [], []
    for query in drive.queries:
        found = query.candidates.take(slice(_SPHERES))
        posed = np.flatnonzero(np.isfinite(found.poses[:, 0]))
        score = found.similarities if found.probabilities is None else found.probabilities
        positions.append(found.poses[posed, :3])
        scores.append(score[posed])
        labels += [f'{found.ids[i]}: {score[i]:.2f}' for i in posed.tolist()]
        lengths.append(len(posed))
    if not labels:
        return
    values = np.concatenate(scores)
    stream.style(at.QUERY_CANDIDATES, show_labels=False)
    stream.play(
        at.QUERY_CANDIDATES,
        drive.moments,
        lengths,
        positions=terrain.local(np.concatenate(positions)),
        radii=np.full(len(values), 2 * POINT),
        colors=colours.shades(values, 1.0),
        labels=labels,
    )


def _play_scores(
    stream: ViewStream, drive: AnsweredDrive, truths: Floats, answers: Floats
) -> None:
    """Play status, probability, similarity, inliers and errors, and all in words."""
    moments, queries = drive.moments, drive.queries
    firsts = pose_rows(None for _ in queries)
    scores = np.full((3, len(queries)), np.nan)
    for row, query in enumerate(queries):
        found = query.candidates
        if len(found):
            firsts[row] = found.poses[0]
            for index, values in enumerate(
                (found.probabilities, found.similarities, found.inliers)
            ):
                scores[index, row] = np.nan if values is None else values[0]
    lines = {
        at.PROBABILITY: scores[0],
        at.SIMILARITY: scores[1],
        at.INLIERS: scores[2],
        at.PLACE_ERROR: distances(firsts, truths),
    }
    play_scores(stream, moments, lines)
    play_scores(stream, moments, {at.ANSWER_ERROR: distances(answers, truths)}, points=True)
    play_statuses(stream, moments, [query.status for query in queries])
    texts = [
        about_answer(name, query, drive.place_map, RANKS + 2)
        for name, query in zip(drive.names, queries, strict=True)
    ]
    play_words(stream, at.QUERY_ABOUT, moments, texts)


def _play_thumbnails(stream: ViewStream, drive: AnsweredDrive) -> int:
    """Play the pictures of the first candidates; return how many there are."""
    shown = 0
    for rank in range(RANKS):
        ids = [query.candidates.ids.tolist()[rank : rank + 1] for query in drive.queries]
        places = [found[0] if found else None for found in ids]
        entity = at.CANDIDATE_PICTURE.of(str(rank + 1))
        shown += play_places(stream, entity, drive.moments, drive.place_map, places)
    return shown


def _left_out(drive: AnsweredDrive, pictured: int, thumbnails: int) -> str:
    """Return what is not shown, in words."""
    told, total = [], len(drive.queries)
    if limited := too_many(total):
        told.append(limited)
    elif pictured < total:
        told.append(f'{counted(total - pictured, "frame")} could not be read again')
    if not thumbnails:
        told.append('the map keeps no thumbnails of the candidates')
    if not drive.place_map.has_poses and drive.places is None:
        told.append('no place has a pose, so that there is no map to look at')
    return '; '.join(told)
