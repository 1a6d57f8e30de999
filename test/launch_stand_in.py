# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""As much of the launch packages as the launch files use, where these are not installed.

They come with a ROS distribution and not with pip. The stand-ins keep what they are given, and
evaluate substitutions; nothing is started.
"""

from __future__ import annotations

import logging
import sys
from types import ModuleType


class Kept:
    """Keeps its arguments."""

    def __init__(self, *arguments, **options):
        self.arguments, self.options = arguments, options


class LaunchDescription:
    def __init__(self, entities):
        self.entities = entities


class DeclareLaunchArgument:
    def __init__(self, name, *, default_value=None, description='', choices=None):
        assert choices is None or default_value in choices
        self.name, self.default_value = name, default_value
        self.description, self.choices = description, choices


class OpaqueFunction:
    def __init__(self, *, function):
        self.function = function


class LaunchConfiguration(Kept):
    def perform(self, context):
        return context.launch_configurations[self.arguments[0]]


class LaunchContext:
    def __init__(self, argv, description):
        self.argv = argv
        declared = [e for e in description.entities if isinstance(e, DeclareLaunchArgument)]
        given = dict(word.split(':=', 1) for word in argv)
        self.launch_configurations = {e.name: e.default_value for e in declared} | given


def install(monkeypatch):
    """Let the launch files find the stand-ins."""
    contents = {
        'launch': {'LaunchDescription': LaunchDescription},
        'launch.logging': {'get_logger': logging.getLogger},
        'launch.actions': {
            'DeclareLaunchArgument': DeclareLaunchArgument,
            'ExecuteProcess': Kept,
            'OpaqueFunction': OpaqueFunction,
            'RegisterEventHandler': Kept,
            'Shutdown': Kept,
        },
        'launch.event_handlers': {'OnProcessExit': Kept},
        'launch.substitutions': {
            'LaunchConfiguration': LaunchConfiguration,
            'PathJoinSubstitution': Kept,
        },
        'launch_ros': {},
        'launch_ros.actions': {'Node': Kept},
        'launch_ros.parameter_descriptions': {'ParameterValue': Kept},
        'launch_ros.substitutions': {'FindPackageShare': Kept},
    }
    for name, content in contents.items():
        module = ModuleType(name)
        module.__dict__.update(content)
        monkeypatch.setitem(sys.modules, name, module)
        parent, _, child = name.rpartition('.')
        if parent:
            setattr(sys.modules[parent], child, module)
    monkeypatch.delitem(sys.modules, 'vpr_ros.nodes.launching', raising=False)
