# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Find loop closures within one traverse; arguments: --show-args."""

from vpr_ros.nodes.launching import node_launch


def generate_launch_description():
    return node_launch('loop_closure_node')
