# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What came of loops, as a person says it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpr_ros.evaluation.words import counted

if TYPE_CHECKING:
    from vpr_ros.evaluation.loop_results import LoopSummary


def verdict(s: LoopSummary) -> str:
    """Say the outcome in a sentence or two."""
    text = f'{counted(s.keyframes, "keyframe")}, of which {s.revisits} '
    text += f'{"shows" if s.revisits == 1 else "show"} a place that was seen before. '
    if not s.accepted:
        return text + 'No loop was announced.'
    text += f'{counted(s.accepted, "loop")} {"was" if s.accepted == 1 else "were"} announced'
    if not s.right + s.wrong:
        return text + '; nobody knows which are right.'
    if s.accepted == 1:
        return text + (', and wrong.' if s.wrong else ', and right.')
    return text + (f', {s.wrong} of them wrong.' if s.wrong else ', all of them right.')
