# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How good is it: recall, precision, localisation error and latency, and a report to look at."""

from vpr_ros.evaluation.metrics import PrecisionRecall, Tolerance
from vpr_ros.evaluation.results import Evaluation, Setup
from vpr_ros.evaluation.summary import PlaceTable, QueryResult, Summary, summarise

__all__ = [
    'Evaluation',
    'PlaceTable',
    'PrecisionRecall',
    'QueryResult',
    'Setup',
    'Summary',
    'Tolerance',
    'summarise',
]
