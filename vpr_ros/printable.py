# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Text that was read from somewhere, made harmless for terminals, file names and tables."""

from __future__ import annotations

import unicodedata

_CONTROLS = frozenset({'Cc', 'Cs', 'Zl', 'Zp'})
"""Categories of Unicode: controls, halves of characters, separators of lines and paragraphs."""
_TURNING = frozenset('\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069')
"""Change the direction of the text around them, so that it reads as another."""
_KEPT = frozenset('\n\t')
_FORMULA = ('=', '+', '-', '@', '\t', '\r')
"""What a cell begins with that programs for tables compute."""


def printable(text: str, kept: frozenset[str] = _KEPT) -> str:
    """Return a text with the codes of characters that would control a terminal in their place.

    Args:
        text: Any text, also one that is not valid Unicode.
        kept: Of those, the characters that stay.
    """
    if text.isascii() and text.isprintable():
        return text
    return ''.join(
        each.encode('unicode_escape').decode()
        if each not in kept and (unicodedata.category(each) in _CONTROLS or each in _TURNING)
        else each
        for each in text
    )


def in_a_line(text: str) -> str:
    """Return a text as `printable` does, also without breaks of lines."""
    return printable(text, frozenset())


def as_cell(text: str) -> str:
    """Return a text as the cell of a table that no program takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
