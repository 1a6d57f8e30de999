# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Deciding whether the best candidate is right."""

from vpr_ros.decision.decider import Decision, DecisionConfig, Status, decide
from vpr_ros.decision.localizer import Localization, Localizer
from vpr_ros.decision.loops import Keyframe, LoopConfig, LoopDetector

__all__ = [
    'Decision',
    'DecisionConfig',
    'Keyframe',
    'Localization',
    'Localizer',
    'LoopConfig',
    'LoopDetector',
    'Status',
    'decide',
]
