# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Two evaluations side by side as a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpr_ros.evaluation import charts
from vpr_ros.evaluation.page import render
from vpr_ros.evaluation.words import change_verdict, points

if TYPE_CHECKING:
    from vpr_ros.evaluation.compare import Comparison

_MOST = 200
"""Changed queries listed of each kind."""


def render_comparison(comparison: Comparison) -> str:
    """Return the page's HTML."""
    first, second = comparison.first, comparison.second
    return render(
        'compare.html.j2',
        first=first,
        second=second,
        figures=comparison.figures(),
        points=points,
        verdict=change_verdict(comparison),
        curve=charts.curves_chart([first.curve, second.curve]),
        changes=[
            ('Gained', comparison.gained, 'wrong in A, correct in B'),
            ('Lost', comparison.lost, 'correct in A, wrong in B'),
        ],
        most=_MOST,
    )
