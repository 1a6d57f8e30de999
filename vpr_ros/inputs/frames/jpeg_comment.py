# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Comments in JPEG files (ITU-T T.81, B.2.4.5), which image viewers show."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_START, _COMMENT, _HEADER = b'\xff\xd8', 0xFE, range(0xE0, 0xF0)
_LONGEST = 1000
"""Bytes of a comment."""


def with_comment(jpeg: bytes, text: str) -> bytes:
    """Return a JPEG with a comment, of which so many bytes are kept as a file name may have."""
    if not text or not jpeg.startswith(_START):
        return jpeg
    data = text.encode('utf-8', 'replace')[:_LONGEST]
    *_, end = [len(_START), *(at for kind, _, at in takewhile(_is_header, _segments(jpeg)))]
    segment = bytes([0xFF, _COMMENT]) + (len(data) + 2).to_bytes(2, 'big') + data
    return jpeg[:end] + segment + jpeg[end:]


def comment_of(jpeg: bytes | None) -> str:
    """Return the comment of a JPEG; empty where there is none, as in what is no JPEG."""
    comments = (data for kind, data, _ in _segments(jpeg or b'') if kind == _COMMENT)
    return next(comments, b'').decode('utf-8', 'replace')


def _is_header(segment: tuple[int, bytes, int]) -> bool:
    return segment[0] in _HEADER


def _segments(jpeg: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Yield marker, content and end of each segment before the picture itself."""
    at = len(_START)
    while jpeg.startswith(_START) and jpeg[at : at + 1] == b'\xff' and at + 4 <= len(jpeg):
        marker, length = jpeg[at + 1], int.from_bytes(jpeg[at + 2 : at + 4], 'big')
        if marker == 0xDA or length < 2 or at + 2 + length > len(jpeg):
            return
        yield marker, jpeg[at + 4 : at + 2 + length], at + 2 + length
        at += 2 + length
