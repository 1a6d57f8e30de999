# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What Rerun, the viewer, shows: maps, drives through them, and what was found on the way."""
