# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Loop closures: one traverse recognised in itself."""

from vpr_ros.loops.detector import Keyframe, LoopConfig, LoopDetector

__all__ = ['Keyframe', 'LoopConfig', 'LoopDetector']
