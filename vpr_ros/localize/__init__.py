# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Localisation of one image: search, evidence, decision, temporal filters, verification."""

from vpr_ros.localize.calibration import Calibration, CalibrationError, calibration_for
from vpr_ros.localize.decision import Decision, DecisionConfig, Status, decide
from vpr_ros.localize.localizer import Localization, Localizer, Prior
from vpr_ros.localize.temporal import FILTERS, SequenceFilter, make_filter
from vpr_ros.localize.verification import (
    Reranking,
    Verification,
    Verifier,
    detector_of,
    local_detector,
    require_thumbnails,
)

__all__ = [
    'FILTERS',
    'Calibration',
    'CalibrationError',
    'Decision',
    'DecisionConfig',
    'Localization',
    'Localizer',
    'Prior',
    'Reranking',
    'SequenceFilter',
    'Status',
    'Verification',
    'Verifier',
    'calibration_for',
    'decide',
    'detector_of',
    'local_detector',
    'make_filter',
    'require_thumbnails',
]
