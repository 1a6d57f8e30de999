# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Images whose names are their stamps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpr_ros.stamps import parse_stamp

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_NANOSECOND_DIGITS = 16
"""Whole numbers this long are nanoseconds, as EuRoC names its images; else seconds."""
_LEAST_DIGITS = 9
"""Of seconds since 1970; a shorter number counts images."""


def stamp_of(text: str) -> int:
    """Return the nanoseconds of a text in seconds, as TUM has them, or nanoseconds, as EuRoC.

    Raises:
        ValueError: It is no stamp.
    """
    whole, _, fraction = text.partition('.')
    if whole.isdecimal() and len(whole) >= _NANOSECOND_DIGITS and not fraction.strip('0'):
        return parse_stamp(f'{whole[:-9]}.{whole[-9:]}')
    return parse_stamp(text)


def named_stamps(paths: Iterable[Path]) -> list[int] | None:
    """Return the stamps that images are named by; None where a name is no stamp."""
    stems = [path.stem for path in paths]
    if any(len(stem.partition('.')[0]) < _LEAST_DIGITS for stem in stems):
        return None
    try:
        return [stamp_of(stem) for stem in stems]
    except ValueError:
        return None
