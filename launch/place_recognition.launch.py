# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Recognise places in a camera's images against a map; arguments: --show-args."""

from vpr_ros.nodes.launching import node_launch


def generate_launch_description():
    return node_launch('place_recognition_node')
