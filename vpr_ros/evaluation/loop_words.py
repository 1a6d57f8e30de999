# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What came of loops, as a person says it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vpr_ros.evaluation.loop_results import LoopSummary


def verdict(s: LoopSummary) -> str:
    """Say the outcome in a sentence or two."""
    text = f'{s.keyframes} keyframes, of which {s.revisits} show a place that was seen before. '
    if not s.accepted:
        return text + 'No loop was announced.'
    text += f'{s.accepted} loops were announced'
    if not s.right + s.wrong:
        return text + '; nobody knows which are right.'
    return text + (f', {s.wrong} of them wrong.' if s.wrong else ', all of them right.')
