# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Loop closures: one traverse recognised in itself, or in the map of others."""

from vpr_ros.loops.detector import Keyframe, LoopConfig, LoopDetector
from vpr_ros.loops.recognising import register_session
from vpr_ros.loops.registration import Registration

__all__ = ['Keyframe', 'LoopConfig', 'LoopDetector', 'Registration', 'register_session']
