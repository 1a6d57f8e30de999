# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Build a place map from a camera and a pose source; arguments: --show-args."""

from vpr_ros.nodes.launching import node_launch


def generate_launch_description():
    return node_launch('map_builder_node')
