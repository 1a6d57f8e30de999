#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Make config/*.yaml and docs/reference/parameters.md from vpr_ros/nodes/parameters.py.

With --check nothing is written; the exit status says whether everything is up to date.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT))

from vpr_ros.nodes.parameter_fields import Value, parameters_of  # noqa: E402
from vpr_ros.nodes.parameters import NODES  # noqa: E402


def as_yaml(node: str, kind: type[Any]) -> str:
    """Return a parameter file of a node with all defaults, each described."""
    lines = [
        '# SPDX-FileCopyrightText: 2026 The vpr_ros authors',
        '# SPDX-License-Identifier: Apache-2.0',
        f'# Parameters of {node} with their defaults; made from vpr_ros/nodes/parameters.py.',
        f'/**/{node}:',
        '  ros__parameters:',
    ]
    for p in parameters_of(kind):
        when = 'dynamic' if p.dynamic else 'fixed' if p.fixed else ''
        note = '; '.join(note for note in (p.unit, p.range, when) if note)
        lines.append(f'    # {p.description}' + (f' ({note})' if note else ''))
        lines.append(f'    {p.name}: {_yaml(p.default)}')
    return '\n'.join(lines) + '\n'


def as_markdown(kind: type[Any]) -> str:
    """Return a table of parameters for the documentation."""
    lines = ['| parameter | type | default | range | meaning |', '|---|---|---|---|---|']
    for p in parameters_of(kind):
        default = f'{_yaml(p.default)} {p.unit}'.strip()
        dynamic = ' *(at once)*' if p.dynamic else ' *(at the start only)*' if p.fixed else ''
        lines.append(
            f'| `{p.name}` | {p.type} | {default} | {p.range} | {p.description}{dynamic} |'
        )
    return '\n'.join(lines) + '\n'


def _yaml(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def wanted() -> dict[Path, str]:
    """Return the text that each generated file should have."""
    files = {ROOT / 'config' / f'{node}.yaml': as_yaml(node, kind) for node, kind in NODES.items()}
    page = ROOT / 'docs' / 'reference' / 'parameters.md'
    text = page.read_text('utf-8')
    for node, kind in NODES.items():
        begin, end = f'<!-- parameters of {node} -->\n', '<!-- end of parameters -->'
        pattern = re.compile(re.escape(begin) + '.*?' + re.escape(end), re.DOTALL)
        # A function, so that nothing in the table is taken for a group reference.
        text, found = pattern.subn(
            lambda _, b=begin, k=kind, e=end: f'{b}\n{as_markdown(k)}\n{e}', text
        )
        if found != 1:
            sys.exit(f'parameters.md must have exactly one table marked {begin.strip()}')
    files[page] = text
    return files


def main() -> int:
    """Write the files that differ, or only name them with --check."""
    stale = {p: t for p, t in wanted().items() if not p.exists() or p.read_text('utf-8') != t}
    check = '--check' in sys.argv[1:]
    for path, text in stale.items():
        if check:
            print(f'{path.relative_to(ROOT)} is out of date: run scripts/generate.py')
        else:
            path.write_text(text, 'utf-8')
            print(f'wrote {path.relative_to(ROOT)}')
    return int(check and bool(stale))


if __name__ == '__main__':
    sys.exit(main())
