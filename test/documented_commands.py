# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The commands and programs that the README and the pages of docs/ show."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    ROOT / 'README.md',
    *sorted((ROOT / 'docs').rglob('*.md')),
    *sorted((ROOT / 'examples').rglob('*.md')),
    *sorted((ROOT / 'vpr_ros' / 'models' / 'weights').glob('*.md')),
]


def _shell_lines(text):
    """Yield the lines of fenced and indented shell code, continuations joined."""
    blocks = re.findall(r'^[ ]*```(?:sh|bash|console)?\n(.*?)^[ ]*```', text, re.M | re.S)
    lines = '\n'.join(blocks).replace('\\\n', ' ').splitlines()
    yield from lines + re.findall(r'^ {4}(.+)', text, re.M)


def commands_of(text):
    """Yield the words of every vpr command that a page shows in full."""
    for line in _shell_lines(text):
        words = line.strip()
        if words.startswith(('vpr ', 'ros2 run vpr_ros vpr ')):
            yield shlex.split(words.removeprefix('ros2 run vpr_ros '), comments=True)


def programs_of(text):
    """Return the Python programs that a page shows."""
    return re.findall(r'^```python\n(.*?)^```', text, re.M | re.S)
