# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Messages and requests of any type in which some fields have any values, for hypothesis."""

from __future__ import annotations

import array
import re
from copy import deepcopy
from functools import cache
from importlib import import_module

import numpy as np
from hypothesis import strategies as st

DOUBLES = (
    st.sampled_from((0.0, -0.0, 1.0, -1.0, 1e-320, 1e9, -1e9, 1e38, 1e160, -1e160, 1.7e308))
    | st.floats()
)
TEXTS = st.sampled_from(('', 'map', 'odom', 'base_link', '/map', 'a' * 300)) | st.text(
    st.characters(codec='utf-8', exclude_characters='\0'), max_size=12
)
PLAIN = {
    'octet': st.binary(min_size=1, max_size=1),
    'boolean': st.booleans(),
    'float': st.floats(width=32),
    'double': DOUBLES,
    'string': TEXTS,
}
INTEGER = re.compile(r'(u?)int(\d+)')
SEQUENCE = re.compile(r'sequence<([^,>]+)(?:, \d+)?>')
ARRAY = re.compile(r'(.+)\[(\d+)\]')
CODES = {'double': 'd', 'float': 'f', 'uint8': 'B', 'uint32': 'I', 'int8': 'b'}


@st.composite
def any_message(draw, base):
    """Return copies of a message in which up to five fields have any values."""
    message = deepcopy(base)
    fields = fields_of(type(base))
    for path, values in draw(st.lists(st.sampled_from(fields), max_size=5)) if fields else ():
        *way, last = path
        holder = message
        for name in way:
            holder = getattr(holder, name)
        setattr(holder, last, draw(values))
    return message


@cache
def fields_of(kind):
    """Return the path of each field of a type, those of its parts included, and its values."""
    found = []
    for name, text in kind.get_fields_and_field_types().items():
        values = values_of(text)
        if values is None:
            package, _, part = text.partition('/')
            inner = fields_of(getattr(import_module(f'{package}.msg'), part))
            found += [((name, *path), values) for path, values in inner]
        else:
            found.append(((name,), values))
    return found


def values_of(text):
    """Return the values of a type of field, such as ``double[9]``; None for other messages."""
    if match := ARRAY.fullmatch(text):
        return st.builds(_filled, values_of(match[1]), st.just(int(match[2])), st.integers(-1, 99))
    if match := SEQUENCE.fullmatch(text):
        code = CODES.get(match[1])
        several = st.lists(values_of(match[1]), max_size=20)
        return several if code is None else several.map(lambda found: array.array(code, found))
    if match := INTEGER.fullmatch(text):
        bits = int(match[2])
        low, high = (0, 2**bits - 1) if match[1] else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        return st.sampled_from((low, high, 0, 1)) | st.integers(low, high)
    return PLAIN.get(text)


def _filled(value, size, where):
    """Return an array of one value, or with it at one place."""
    filled = np.full(size, value if where < 0 else 0.0)
    filled[where % size] = value
    return filled
