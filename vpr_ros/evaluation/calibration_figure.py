# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Plots of the reliability and precision of a calibration."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from vpr_ros.evaluation.metrics import precision_recall, reliability
from vpr_ros.localize.calibration import parts_of

if TYPE_CHECKING:
    from pathlib import Path

    from vpr_ros.evaluation.calibration_fit import Calibrated

_COLOURS = ('#3b6ea5', '#c0562f', '#e3a587', '#3f8f5f', '#a3cdb3')
"""By stage; those with inliers are dashed."""


def draw(result: Calibrated, path: Path) -> None:
    """Draw reliability, and precision over recall with the thresholds, of every stage."""
    with mpl.rc_context({'font.size': 9, 'axes.spines.top': False, 'axes.spines.right': False}):
        figure = Figure(figsize=(10.5, 4.6), layout='constrained')
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2)
        left.plot([0, 1], [0, 1], color='0.75', lw=1, zorder=0)
        left.set(xlabel='predicted probability', ylabel='share that was correct')
        right.set(xlabel='recall', ylabel='precision')
        for (stage, found), colour in zip(
            result.predictions.items(), cycle(_COLOURS), strict=False
        ):
            dashes = '--' if parts_of(stage)[1] else '-'
            measured = reliability(found.probabilities, found.right)
            quality = result.calibration.quality[stage]
            name = f'{stage.replace("_", " ")}: ECE {measured.ece:.3f}, Brier {measured.brier:.3f}'
            full = measured.counts > 0
            sizes = 12 + 120 * measured.counts[full] / max(1, measured.counts.max())
            left.plot(
                measured.predicted[full],
                measured.observed[full],
                dashes,
                color=colour,
                lw=1,
                label=name,
            )
            left.scatter(measured.predicted[full], measured.observed[full], sizes, color=colour)
            curve = precision_recall(found.probabilities, found.right, int(found.mapped.sum()))
            right.step(curve.recall, curve.precision, dashes, where='post', color=colour, lw=1.2)
            if np.isfinite(quality['precision']):
                right.plot(quality['recall'], quality['precision'], 'o', color=colour, ms=6)
        right.axhline(result.calibration.precision, color='0.75', lw=1, zorder=0)
        lowest = min(q['right'] for q in result.calibration.quality.values())
        right.set_ylim(max(0.0, lowest - 0.05), 1.01)
        # Below the axes: lines run through every corner of them.
        left.legend(frameon=False, fontsize=8, loc='upper left', bbox_to_anchor=(0, -0.14))
        figure.suptitle(
            f'{result.calibration.model.name}, each traverse predicted by a fit on the others; '
            'dots are the thresholds'
        )
        figure.savefig(path, dpi=140)
