# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The report's drawings as inline SVG, coloured by the page's style sheet, light or dark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup, escape

from vpr_ros.evaluation.metrics import distances

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpr_ros.evaluation.loop_results import LoopRecord, LoopSummary
    from vpr_ros.evaluation.metrics import Floats, PrecisionRecall
    from vpr_ros.evaluation.results import Evaluation
    from vpr_ros.evaluation.summary import Summary

WIDTH, HEIGHT = 520.0, 360.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 72.0, 14.0, 14.0, 46.0
_MOST_MARKS = 3000
"""Marks drawn in one picture; of longer traverses every n-th is drawn."""
_FLAT = 0.08
"""A track narrower than this share of its length is a line, and its queries are lifted off it."""


def precision_recall_chart(summary: Summary | LoopSummary) -> Markup | None:
    """Draw the curve, the point where the system worked, and the best point without a mistake."""
    curve = summary.curve
    if not curve.recall.size or not np.isfinite(curve.recall).all():
        return None
    frame = _Frame((0.0, 1.0), (0.0, 1.0))
    line = _staircase(curve, frame)
    floor = f'{frame.x(curve.recall[-1]):.1f},{frame.y(0):.1f} {frame.x(0):.1f},{frame.y(0):.1f}'
    parts = [
        frame.axes('recall', 'precision', percent=True),
        f'<polygon class="area" points="{line} {floor}"/>',
        f'<polyline class="curve" points="{line}"/>',
    ]
    best = None
    if summary.recall_at_full_precision > 0:
        best = frame.x(summary.recall_at_full_precision), frame.y(1.0)
        parts.append(_mark(*best, 'full', 'no mistakes', 18))
    if summary.accepted:
        ran = frame.x(summary.recall_accepted), frame.y(summary.precision_accepted)
        below = best is not None and max(abs(ran[0] - best[0]) / 5, abs(ran[1] - best[1])) < 20
        parts.append(_mark(*ran, 'point', 'as it ran', 36 if below else 18))
    return _svg(parts, HEIGHT, 'Precision over recall')


def curves_chart(curves: Sequence[PrecisionRecall]) -> Markup | None:
    """Draw up to four curves over each other, in the order of the legend's colours."""
    known = [(i, c) for i, c in enumerate(curves) if c.recall.size and np.isfinite(c.recall).all()]
    if not known:
        return None
    frame = _Frame((0.0, 1.0), (0.0, 1.0))
    lines = [
        f'<polyline class="curve c{i}" points="{_staircase(curve, frame)}"/>' for i, curve in known
    ]
    axes = frame.axes('recall', 'precision', percent=True)
    return _svg([axes, *lines], HEIGHT, 'Precision over recall')


def match_chart(evaluation: Evaluation) -> Markup | None:
    """Draw which place each frame was matched to, over the place that was correct."""
    summary, places = evaluation.summary, evaluation.places
    if not evaluation.queries or not len(places.ids):
        return None
    frame = _Frame((0, max(1, len(evaluation.queries) - 1)), (0, max(1, len(places.ids) - 1)))
    truth, marks = [], []
    for i in _thinned(len(evaluation.queries)):
        query = evaluation.queries[i]
        if summary.has_place[i] and query.truth is not None:
            truth.append(frame.truth(i, nearest_row(places.poses, query.truth.as_array())))
        if len(query.candidates):
            row = places.rows.get(int(query.candidates.ids[0]), 0)
            label = f'frame {i}: place {query.candidates.ids[0]}, {query.status}'
            marks.append(_verdict(frame.x(i), frame.y(row), kind_of(evaluation, i), label))
    parts = [frame.axes('frame of the query', 'place in the map'), *truth, *_loudest_last(marks)]
    return _svg(parts, HEIGHT, 'Matched place for every frame')


def track_chart(evaluation: Evaluation) -> tuple[Markup, bool] | None:
    """Draw the map from above with every query; lines lead from wrong ones to their match.

    Returns:
        The picture and whether the queries were lifted off a straight track; None where no place
        has a pose.
    """
    places, queries = evaluation.places, evaluation.queries
    known = np.isfinite(places.poses).all(axis=1)
    if not known.any():
        return None
    shown = [i for i in _thinned(len(queries)) if queries[i].truth is not None]
    truths = [q.truth.position for i in shown if (q := queries[i]).truth is not None]
    at = np.array(truths, np.float64).reshape(-1, 3)[:, :2]
    corners = np.vstack([places.poses[known, :2], at])
    span = np.maximum(np.ptp(corners, axis=0), 1e-6)
    lift = np.zeros(2)
    if span.min() < _FLAT * span.max():
        lift[np.argmin(span)] = 0.5 * span.max()
    view = _View(np.vstack([corners, at + lift]))

    parts = [view.scale_bar()]
    for session in np.unique(places.sessions):
        track = view.points(places.poses[known & (places.sessions == session), :2])
        parts.append(f'<polyline class="track" points="{track}"/>')
        parts += [
            f'<circle class="place" cx="{p.split(",")[0]}" cy="{p.split(",")[1]}"/>'
            for p in (track.split() if len(places.ids) <= _MOST_MARKS else [])
        ]
    marks = []
    for i, xy in zip(shown, at, strict=True):
        kind = kind_of(evaluation, i)
        x, y = view.at(xy + lift)
        matched = queries[i].candidates.poses[:1, :2]
        if matched.size and np.isfinite(matched).all() and (kind == 'wrong' or lift.any()):
            parts.append(view.link(xy + lift, matched[0], kind))
        marks.append(_verdict(x, y, kind, f'frame {i}: {queries[i].status}'))
    parts += _loudest_last(marks)
    return _svg(parts, view.height, 'The traverse from above'), bool(lift.any())


def loops_chart(records: Sequence[LoopRecord]) -> Markup | None:
    """Draw which earlier keyframe each was matched to, over the one that is the same place."""
    if len(records) < 2:
        return None
    numbers = [record.place_id for record in records]
    frame = _Frame((numbers[0], numbers[-1]), (numbers[0], numbers[-1]))
    truth, marks = [], []
    for i in _thinned(len(records)):
        record = records[i]
        if record.true_match is not None:
            truth.append(frame.truth(numbers[i], numbers[record.true_match]))
        if record.announced and record.match is not None:
            x, y = frame.x(numbers[i]), frame.y(numbers[record.match])
            label = f'keyframe {numbers[i]} to {numbers[record.match]}: {record.reason}'
            marks.append(_verdict(x, y, record.kind, label))
    parts = [frame.axes('keyframe', 'earlier keyframe'), *truth, *_loudest_last(marks)]
    return _svg(parts, HEIGHT, 'The earlier end of every loop')


def loop_track_chart(records: Sequence[LoopRecord]) -> Markup | None:
    """Draw the way from above and where loops were closed; wrong ones lead to their other end."""
    known = [record.pose[:2] for record in records if record.pose is not None]
    if len(known) < 2:
        return None
    view = _View(np.array(known))
    track = f'<polyline class="track" points="{view.points(np.array(known))}"/>'
    parts, marks = [view.scale_bar(), track], []
    for i in _thinned(len(records)):
        record = records[i]
        if record.pose is None or not (record.announced or record.revisit):
            continue
        x, y = view.at(record.pose[:2])
        other = None if record.match is None else records[record.match].pose
        if record.kind == 'wrong' and other is not None:
            parts.append(view.link(record.pose[:2], other[:2], 'wrong'))
        marks.append(_verdict(x, y, record.kind, f'keyframe {record.place_id}: {record.reason}'))
    parts += _loudest_last(marks)
    return _svg(parts, view.height, 'The traverse from above')


def kind_of(evaluation: Evaluation, i: int) -> str:
    """Name the outcome of a query: right, wrong (both accepted), held back or unjudged."""
    query = evaluation.queries[i]
    if not query.accepted:
        return 'held'
    if query.truth is None:
        return 'unjudged'
    return 'right' if evaluation.summary.right[i] else 'wrong'


def nearest_row(poses: Floats, truth: Floats) -> int:
    """Return the row of the pose (M, 7) nearest to the true one (7,)."""
    return int(np.nanargmin(distances(poses, truth)))


class _Frame:
    """A plot's axes: values to picture coordinates, ticks and labels."""

    def __init__(self, xs: tuple[float, float], ys: tuple[float, float]) -> None:
        self._xs, self._ys = xs, ys

    def x(self, value: float) -> float:
        low, high = self._xs
        return _LEFT + (value - low) / (high - low) * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        low, high = self._ys
        return HEIGHT - _BOTTOM - (value - low) / (high - low) * (HEIGHT - _TOP - _BOTTOM)

    def truth(self, x: float, y: float) -> str:
        return f'<circle class="truth" cx="{self.x(x):.1f}" cy="{self.y(y):.1f}"/>'

    def axes(self, x_label: str, y_label: str, *, percent: bool = False) -> str:
        def text(value: float) -> str:
            return f'{100 * value:.0f} %' if percent else f'{value:g}'

        parts, foot = [], self.y(self._ys[0])
        for value in ticks(*self._xs):
            x = f'{self.x(value):.1f}'
            parts += [
                f'<line class="grid" x1="{x}" x2="{x}" y1="{foot}" y2="{_TOP}"/>',
                f'<text x="{x}" y="{HEIGHT - _BOTTOM + 18}" text-anchor="middle">',
                f'{text(value)}</text>',
            ]
        for value in ticks(*self._ys):
            y = self.y(value)
            parts += [
                f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}"',
                f' y2="{y:.1f}"/>',
                f'<text x="{_LEFT - 8}" y="{y + 4.5:.1f}" text-anchor="end">{text(value)}</text>',
            ]
        parts += [
            f'<text class="label" x="{(_LEFT + WIDTH - _RIGHT) / 2}" y="{HEIGHT - 6}" ',
            f'text-anchor="middle">{escape(x_label)}</text>',
            f'<text class="label" transform="translate(14 {(HEIGHT - _BOTTOM) / 2}) rotate(-90)" ',
            f'text-anchor="middle">{escape(y_label)}</text>',
        ]
        return ''.join(parts)


def _staircase(curve: PrecisionRecall, frame: _Frame) -> str:
    """Return the points of a curve: each threshold holds until the next, no promises between."""
    steps = [(0.0, float(curve.precision[0]))]
    for recall, precision in zip(curve.recall, curve.precision, strict=True):
        steps += [(steps[-1][0], float(precision)), (float(recall), float(precision))]
    return ' '.join(f'{frame.x(r):.1f},{frame.y(p):.1f}' for r, p in steps)


class _View:
    """The ground plane seen from above, x to the right and y up, to one scale."""

    def __init__(self, corners: Floats) -> None:
        low, high = corners.min(axis=0), corners.max(axis=0)
        span = np.maximum(high - low, 1e-6)
        margin, foot = 20.0, 30.0
        tallest = 1.1 * WIDTH
        self._scale = float(min((WIDTH - 2 * margin) / span[0], (tallest - 2 * margin) / span[1]))
        drawn = span * self._scale
        self.height = float(drawn[1] + 2 * margin + foot)
        self._origin = np.array([(WIDTH - drawn[0]) / 2, margin + drawn[1]])
        self._low = low

    def at(self, xy: Floats) -> tuple[float, float]:
        x, y = (xy - self._low) * self._scale
        return float(self._origin[0] + x), float(self._origin[1] - y)

    def points(self, xy: Floats) -> str:
        return ' '.join(f'{x:.1f},{y:.1f}' for x, y in map(self.at, xy))

    def link(self, start: Floats, end: Floats, kind: str) -> str:
        (x, y), (mx, my) = self.at(start), self.at(end)
        return f'<path class="link {kind}" d="M{x:.1f} {y:.1f}L{mx:.1f} {my:.1f}"/>'

    def scale_bar(self) -> str:
        metres = ticks(0, 0.3 * WIDTH / self._scale, most=3)[-1]
        y, length = self.height - 12, metres * self._scale
        return (
            f'<path class="ruler" d="M20 {y - 5:.1f}v5h{length:.1f}v-5"/>'
            f'<text x="{26 + length:.1f}" y="{y + 1:.1f}">{metres:g} m</text>'
        )


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return at most this many round values within [low, high], 1, 2 or 5 times a power of ten."""
    raw = (high - low) / max(1, most - 1)
    power = 10.0 ** np.floor(np.log10(raw))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= raw * (1 - 1e-9))
    first, last = np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9)
    return [round(float(n * step), 12) + 0.0 for n in np.arange(first, last + 1)]


def _thinned(count: int) -> range:
    return range(0, count, max(1, -(-count // _MOST_MARKS)))


def _verdict(x: float, y: float, kind: str, label: str) -> tuple[str, str]:
    """Draw one answer; wrong ones are crosses, so that colour is not all that tells them."""
    title = f'<title>{escape(label)}</title>'
    if kind == 'wrong':
        d = f'M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8'
        return kind, f'<path class="mark wrong" d="{d}">{title}</path>'
    return kind, f'<circle class="mark {kind}" cx="{x:.1f}" cy="{y:.1f}">{title}</circle>'


def _loudest_last(marks: Sequence[tuple[str, str]]) -> list[str]:
    order = {'held': 0, 'unjudged': 1, 'right': 2, 'wrong': 3}
    return [svg for _, svg in sorted(marks, key=lambda mark: order[mark[0]])]


def _mark(x: float, y: float, kind: str, label: str, drop: float) -> str:
    """Draw a point with a label below it, on the side where there is room."""
    anchor, dx = ('end', -10) if x > WIDTH * 0.7 else ('start', 10)
    return (
        f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="6"/>'
        f'<text class="note" x="{x + dx:.1f}" y="{y + drop:.1f}" text-anchor="{anchor}">'
        f'{escape(label)}</text>'
    )


def _svg(parts: Sequence[str], height: float, title: str) -> Markup:
    # Every text above went through escape or is a number.
    return Markup(  # noqa: S704
        f'<svg viewBox="0 0 {WIDTH:g} {height:.0f}" role="img" aria-label="{escape(title)}">'
        f'{"".join(parts)}</svg>'
    )
