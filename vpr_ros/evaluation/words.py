# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Figures as a person reads them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vpr_ros.evaluation.compare import Comparison
    from vpr_ros.evaluation.summary import Summary

UNKNOWN = '\N{EN DASH}'


def share(value: float) -> str:
    """Write a share for a person: no decimals that say nothing, never a rounded-up 100 %."""
    if math.isnan(value):
        return UNKNOWN
    percent = 100 * value
    if 99.9 < percent < 100:
        return '>99.9 %'
    return f'{percent:.1f}'.removesuffix('.0') + ' %'


def counted(number: int, noun: str) -> str:
    """Write how many there are of something."""
    return f'{number} {noun}' if number == 1 else f'{number} {noun}s'


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


def verdict(s: Summary) -> str:
    """Say the outcome in two or three sentences."""
    if not s.frames:
        return 'There was not a single frame to judge.'
    if not s.judged:
        return (
            f'{s.frames} frames were looked at, but none has a true pose, so nothing can be said '
            'about right and wrong. Only the statuses and the times below mean something.'
        )
    first = round(s.recall[1] * s.judged) if 1 in s.recall else 0
    text = f'Of {s.judged} frames, {first} found their right place at the first guess'
    if 5 in s.recall:
        text += f', and {round(s.recall[5] * s.judged)} among the first five'
    text += '. '
    if off := s.judged - s.localisable:
        text += f'{off} {"was" if off == 1 else "were"} taken where the map has no place. '
    if not s.accepted:
        return text + 'It never felt sure enough to answer.'
    times = 'once' if s.accepted == 1 else f'{s.accepted} times'
    text += f'It felt sure enough to answer {times}'
    wrong = s.accepted - s.accepted_right
    if not wrong:
        return text + ', and was right every time.'
    return text + f', and {wrong} of those answers {"was" if wrong == 1 else "were"} wrong.'


def change_verdict(c: Comparison) -> str:
    """Say what changed from one run to another, and whether chance could have done it."""
    gained, lost, total = len(c.gained), len(c.lost), len(c.first.queries)
    if not gained and not lost:
        return f'Both are right and wrong at the first guess for the very same {total} queries.'
    text = (
        f'Of {total} queries B finds {gained} at the first guess that A does not, and loses '
        f'{lost} that A finds: {100 * (gained - lost) / total:+.1f} points. '
    )
    if c.p_value < 0.05:
        return text + f'Chance alone would hardly do that (p = {c.p_value:.2g}).'
    return (
        text + f'Chance alone may well do that (p = {c.p_value:.2g}): these queries cannot tell '
        'them apart.'
    )
