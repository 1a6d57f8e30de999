# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Each idea has one home and each name one idea; the imports between them are import-linter's."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / 'vpr_ros'
MODULES = [path for path in sorted(PACKAGE.rglob('*.py')) if path.name != '__init__.py']


def repeated(homes: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: paths for name, paths in homes.items() if len(paths) > 1}


def test_no_module_name_occurs_twice():
    homes = defaultdict(list)
    for path in MODULES:
        homes[path.stem].append(str(path.relative_to(PACKAGE)))
    for path in PACKAGE.rglob('__init__.py'):
        homes[path.parent.name].append(str(path.parent.relative_to(PACKAGE)))
    assert repeated(homes) == {}


def test_no_public_class_name_occurs_twice():
    homes = defaultdict(list)
    for path in MODULES:
        for node in ast.parse(path.read_text('utf-8')).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith('_'):
                homes[node.name].append(str(path.relative_to(PACKAGE)))
    assert repeated(homes) == {}


def test_no_file_is_too_long_to_be_read_at_once():
    lines = {
        str(path.relative_to(PACKAGE)): path.read_text('utf-8').count('\n') for path in MODULES
    }
    assert {path: count for path, count in lines.items() if count > 400} == {}
