# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whatever people have, bags, folders or live topics, as images with stamps and poses."""
