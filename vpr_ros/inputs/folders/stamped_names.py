# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Images whose names are their stamps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpr_ros.stamps import parse_stamp_of_any_unit

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_LEAST_DIGITS = 9
"""Of seconds since 1970; a shorter number counts images."""


def named_stamps(paths: Iterable[Path]) -> list[int] | None:
    """Return the stamps that images are named by; None where a name is no stamp."""
    stems = [path.stem for path in paths]
    if any(len(stem.partition('.')[0]) < _LEAST_DIGITS for stem in stems):
        return None
    try:
        return [parse_stamp_of_any_unit(stem) for stem in stems]
    except ValueError:
        return None
