# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Visual place recognition for ROS 2: tells a robot where it is from what its camera sees."""

__version__ = '0.1.0'
