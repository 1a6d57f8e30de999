# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The states that a robot meets in its first weeks, made of a map and a traverse, and judged."""
