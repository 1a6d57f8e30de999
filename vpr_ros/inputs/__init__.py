# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Bags, folders of images and messages, read as images with stamps and poses."""
