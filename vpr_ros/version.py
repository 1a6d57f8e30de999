# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The version of the package, and how files say that it wrote them."""

VERSION = '0.1.0'
SOFTWARE = f'vpr_ros {VERSION}'
