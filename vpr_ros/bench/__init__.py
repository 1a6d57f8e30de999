# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Benchmarks of the parts, and the demonstration; robots never import this package."""
