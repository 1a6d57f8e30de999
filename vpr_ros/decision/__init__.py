# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Deciding whether the best candidate is right."""

from vpr_ros.decision.calibration import Calibration, CalibrationError, calibration_for
from vpr_ros.decision.decider import Decision, DecisionConfig, Status, decide
from vpr_ros.decision.filters import FILTERS, MotionConfig, PlaceFilter, make_filter
from vpr_ros.decision.localizer import Localization, Localizer
from vpr_ros.decision.loops import Keyframe, LoopConfig, LoopDetector
from vpr_ros.decision.pinhole import Pinhole
from vpr_ros.decision.prior import Prior
from vpr_ros.decision.verification import (
    Verification,
    VerificationConfig,
    Verifier,
    verifier_for,
)

__all__ = [
    'FILTERS',
    'Calibration',
    'CalibrationError',
    'Decision',
    'DecisionConfig',
    'Keyframe',
    'Localization',
    'Localizer',
    'LoopConfig',
    'LoopDetector',
    'MotionConfig',
    'Pinhole',
    'PlaceFilter',
    'Prior',
    'Status',
    'Verification',
    'VerificationConfig',
    'Verifier',
    'calibration_for',
    'decide',
    'make_filter',
    'verifier_for',
]
