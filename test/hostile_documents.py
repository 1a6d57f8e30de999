# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""YAML and JSON that stand for too much, or for nothing that makes sense."""

from __future__ import annotations


def laughs(kind: str, levels: int = 12) -> str:
    """Return aliases of aliases, in a list, a mapping or by merging."""
    form = {
        'list': lambda above: '[' + ','.join([above] * 9) + ']',
        'mapping': lambda above: '{' + ','.join(f'k{i}: {above}' for i in range(9)) + '}',
        'merge': lambda above: '{<<: [' + ','.join([above] * 9) + ']}',
    }[kind]
    first = '{a: 1, b: 2}' if kind == 'merge' else '[x, x]'
    lines = [f'a0: &a0 {first}']
    lines += [f'a{i}: &a{i} {form(f"*a{i - 1}")}' for i in range(1, levels)]
    return '\n'.join([*lines, f'format: *a{levels - 1}', ''])


YAML = {
    'laughs': laughs('list'),
    'laughs of mappings': laughs('mapping'),
    'laughs by merging': laughs('merge'),
    'itself': 'format: &a [*a]\n',
    'itself below': 'format: &a {b: [c, *a]}\n',
    'no anchor': 'format: *nowhere\n',
    'brackets': 'format: ' + '[' * 100_000,
    'closed brackets': 'format: ' + '[' * 5000 + ']' * 5000,
    'braces': 'format: ' + '{a: ' * 5000 + '}' * 5000,
    'dashes': '- ' * 5000 + 'x\n',
    'questions': '? ' * 5000 + 'x\n',
    'date': 'format: 2020-99-99\n',
    'time': 'format: 2020-01-01T99:99:99Z\n',
    'tagged date': 'format: !!timestamp soon\n',
    'tagged integer': 'format: !!int none\n',
    'empty integer': 'format: !!int ""\n',
    'tagged number': 'format: !!float none\n',
    'tagged truth': 'format: !!bool perhaps\n',
    'tagged bytes': 'format: !!binary x\n',
    'object': 'format: !!python/object/apply:os.getcwd []\n',
    'long integer': f'format: {"9" * 5000}\n',
    'longer than 64 bits': f'format: {2**64}\n',
    'long hexadecimal': f'format: 0x{"f" * 5000}\n',
    'unhashable key': '{[a]: 1, {b: 2}: 3}\n',
    'no text': 'format: "\\ud800"\n',
    'control characters': 'format: \x1b[31m\n',
    'not closed': 'format: [1, 2\n',
    'two documents': 'a: 1\n---\nb: 2\n',
}
"""By what is wrong with them; each has, or would have, a key ``format``."""

JSON = {
    'brackets': '[' * 100_000,
    'closed brackets': '[' * 100_000 + ']' * 100_000,
    'deep': '[' * 200 + ']' * 200,
    'objects': '{"a":' * 100_000 + '1' + '}' * 100_000,
    'long integer': '9' * 5000,
    'longer than 64 bits': '-99999999999999999999',
    'not a number': 'NaN',
    'infinite': '[-Infinity]',
    'no text': '"\\ud800"',
    'no text as key': '{"\\udfff": 1}',
    'cut': '{"a": [1, 2',
    'empty': '',
}
