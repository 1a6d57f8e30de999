# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Finds in Python source what runs code that was read, or reads it without limits."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MODULES = {'pickle', 'cPickle', 'marshal', 'shelve', 'dill', 'cloudpickle', 'joblib', 'runpy'}
_NAMES = {'eval', 'exec', 'compile', '__import__'}
_OF_MODULES = {
    'os': ('system', 'popen', 'exec', 'spawn', 'posix_spawn'),
    'subprocess': ('getoutput', 'getstatusoutput'),
    'pty': ('spawn',),
}
_OF_YAML = {'safe_dump', 'YAMLError'}
_OF_YAML_WITHIN_LIMITS = {*_OF_YAML, 'SafeLoader', 'CSafeLoader', 'parse'}
_SWITCHES = {'shell': False, 'allow_pickle': False, 'weights_only': True}
"""Arguments that have this value, or are left out."""


def dangers(source: str, *, within_limits: bool = False) -> list[str]:
    """Return what a text of Python asks for that may run what it reads, a line for each.

    Args:
        source: The text.
        within_limits: Whether it is the module that reads YAML and JSON within limits.
    """
    tree = ast.parse(source)
    modules = dict(_imported(tree))
    found = [danger for node in ast.walk(tree) for danger in _in(node, modules, within_limits)]
    return sorted(found)


def _imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield the names by which modules and what is in them are known, with their full names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for each in node.names:
                first = each.name.partition('.')[0]
                yield each.asname or first, each.name if each.asname else first
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for each in node.names:
                yield each.asname or each.name, f'{node.module}.{each.name}'


def _full_name(node: ast.AST, modules: Mapping[str, str]) -> str:
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return '.'.join(['?', *reversed(parts)])
    return '.'.join([modules.get(node.id, node.id), *reversed(parts)])


def _in(node: ast.AST, modules: Mapping[str, str], within_limits: bool) -> Iterator[str]:
    names = []
    if isinstance(node, ast.Import):
        names = [each.name for each in node.names]
    elif isinstance(node, ast.ImportFrom) and not node.level:
        names = [f'{node.module}.{each.name}' for each in node.names]
    elif isinstance(node, (ast.Name, ast.Attribute)):
        names = [_full_name(node, modules)]
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        # What getattr and import_module are given.
        names = [node.value] if node.value in _MODULES else []
        if node.value.endswith('Loader') and node.value.isidentifier():
            names = [f'yaml.{node.value}']
    elif isinstance(node, ast.Call):
        yield from _in_call(node, _full_name(node.func, modules))
    for name in names:
        if _is_dangerous(name, within_limits):
            yield f'{node.lineno}: {name}'


def _is_dangerous(name: str, within_limits: bool) -> bool:
    module, _, rest = name.partition('.')
    if module in _MODULES or name in _NAMES or name.partition('builtins.')[2] in _NAMES:
        return True
    if module in _OF_MODULES and rest:
        return rest.startswith(_OF_MODULES[module])
    if module == 'yaml' and rest:
        events = within_limits and rest.endswith('Event')
        return not events and rest not in (_OF_YAML_WITHIN_LIMITS if within_limits else _OF_YAML)
    if name in ('json.load', 'json.loads'):
        return not within_limits
    return rest.rpartition('.')[2] in ('enable_load_extension', 'load_extension')


def _in_call(node: ast.Call, name: str) -> Iterator[str]:
    given = {each.arg: each.value for each in node.keywords}
    for switch, safe in _SWITCHES.items():
        value = given.get(switch)
        if value is not None and not (isinstance(value, ast.Constant) and value.value is safe):
            yield f'{node.lineno}: {switch}'
    if name == 'torch.load' and 'weights_only' not in given:
        yield f'{node.lineno}: torch.load without weights_only'
