# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How fast the parts are, and the demonstration; a robot imports nothing of this."""
