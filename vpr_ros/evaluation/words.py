# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Figures and outcomes in words."""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING

from vpr_ros.wording import counted

if TYPE_CHECKING:
    from vpr_ros.evaluation.compare import Comparison
    from vpr_ros.evaluation.loop_results import LoopSummary
    from vpr_ros.evaluation.summary import Summary

UNKNOWN = '\N{EN DASH}'


def share(value: float) -> str:
    """Write a share for a person: no decimals that say nothing, never a rounded 0 or 100 %."""
    if math.isnan(value):
        return UNKNOWN
    percent = 100 * value
    if 99.9 < percent < 100:
        return '>99.9 %'
    if 0 < percent < 0.05:
        return '<0.1 %'
    return f'{percent:.1f}'.removesuffix('.0') + ' %'


def average_precision(value: float) -> str:
    """Write an average precision for a person."""
    return UNKNOWN if math.isnan(value) else f'{value:.3f}'


def two_decimals(value: float) -> str:
    """Write a figure for a person."""
    return UNKNOWN if math.isnan(value) else f'{value:.2f}'


def recovery(frames: float) -> str:
    """Write for a person after how many frames a robot was right again."""
    if math.isnan(frames):
        return UNKNOWN
    return 'never' if math.isinf(frames) else f'{frames:g}'


def points(first: float, second: float) -> str:
    """Write the difference of two shares for a person, in percentage points."""
    difference = 100 * (second - first)
    return UNKNOWN if math.isnan(difference) else f'{difference:+.1f}'


def metres(value: float) -> str:
    """Write a distance for a person."""
    if not math.isfinite(value):
        return UNKNOWN
    return f'{value:.2f} m' if value < 10 else f'{value:.0f} m'


def milliseconds(seconds: float) -> str:
    """Write a duration for a person, in milliseconds."""
    if math.isnan(seconds):
        return UNKNOWN
    value = 1e3 * seconds
    return (
        f'{value:.2f} ms' if value < 1 else f'{value:.1f} ms' if value < 100 else f'{value:.0f} ms'
    )


def now() -> str:
    """Return the local time to the minute, as results show when they were made."""
    return datetime.now().astimezone().isoformat(' ', 'minutes')


def verdict(s: Summary) -> str:
    """Return the outcome in two or three sentences."""
    if not s.frames:
        return 'There is no image to evaluate.'
    if not s.judged:
        return (
            f'{s.frames} images were localised, but none has a true pose. Only the statuses and '
            'the times below are known.'
        )
    first = round(s.recall[1] * s.judged) if 1 in s.recall else 0
    text = f'Of {s.judged} images, {first} have a correct place as the first candidate'
    if 5 in s.recall:
        text += f', and {round(s.recall[5] * s.judged)} among the first five'
    text += '. '
    if off := s.judged - s.localisable:
        text += f'{off} {"was" if off == 1 else "were"} taken where the map has no place. '
    if not s.accepted:
        return text + 'No query was accepted.'
    text += f'{s.accepted} {"was" if s.accepted == 1 else "were"} accepted'
    wrong = s.accepted - s.accepted_right
    return text + (f', {wrong} of them with a wrong place.' if wrong else ', all correctly.')


def change_verdict(c: Comparison) -> str:
    """Return the differences of two runs in words, and whether they may be by chance."""
    gained, lost, total = len(c.gained), len(c.lost), len(c.first.queries)
    if not gained and not lost:
        return (
            f'No difference: for each of the {total} queries both first answers are correct or '
            'both are wrong.'
        )
    text = (
        f'Of {total} queries B answers {gained} correctly that A does not, and A answers '
        f'{lost} correctly that B does not: {100 * (gained - lost) / total:+.1f} points. '
    )
    if c.p_value < 0.05:
        return text + f'The difference is significant (p = {c.p_value:.2g}).'
    return (
        text + f'The difference may be by chance (p = {c.p_value:.2g}): these queries cannot tell '
        'the two apart.'
    )


def loop_verdict(s: LoopSummary) -> str:
    """Return the outcome in one or two sentences."""
    text = f'{counted(s.keyframes, "keyframe")}, of which {s.revisits} '
    text += f'{"shows" if s.revisits == 1 else "show"} a place that was seen before. '
    if not s.accepted:
        return text + 'No loop was announced.'
    text += f'{counted(s.accepted, "loop")} {"was" if s.accepted == 1 else "were"} announced'
    if not s.right + s.wrong:
        return text + '; the ground truth is unknown.'
    if s.accepted == 1:
        return text + (', and wrong.' if s.wrong else ', and correct.')
    return text + (f', {s.wrong} of them wrong.' if s.wrong else ', all of them correct.')
