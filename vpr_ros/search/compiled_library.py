# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Loads the compiled search, if it is what the build made.

Code that was cut off or altered on the disk would end the process when it is loaded or run, with
no way to recover. So the build writes a checksum beside it, and nothing else is loaded.
"""

from __future__ import annotations

import ctypes
import hashlib
import logging
from typing import TYPE_CHECKING, Any, NamedTuple

from vpr_ros.errors import reason_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_LOG = logging.getLogger(__name__)


class Compiled(NamedTuple):
    """The functions of the library (src/) that this processor can run.

    They take addresses without checking them, and run without the lock of the interpreter.

    Attributes:
        nearest_codes: Takes the addresses of a query (64,) uint8 and of codes (N, 64) uint8, the
            numbers N and k, the room (more than k + 8) of the arrays intp and int32 that it writes
            rows and distances to, and their addresses; returns how many it found.
        inner_products: Takes the addresses of a query (D,) float32, of packed float16 descriptors
            (N, 2 D) uint8 and of rows (n,) intp, the numbers n and D, and the address of the
            products (n,) float32 that it writes.
    """

    nearest_codes: Callable[[int, int, int, int, int, int, int], int] | None = None
    inner_products: Callable[[int, int, int, int, int, int], None] | None = None


def load(library: Path) -> Compiled:
    """Load the library; return no functions where it is absent, and say so where it is damaged.

    Args:
        library: ``NAME.so``, with its SHA-256 in ``NAME.sha256`` beside it.
    """
    if not library.exists():
        return Compiled()
    try:
        _require_unaltered(library)
        found = ctypes.CDLL(str(library))
        address, size = ctypes.c_void_p, ctypes.c_ssize_t
        return Compiled(
            _function(found, 'nearest_codes', [address] * 2 + [size] * 3 + [address] * 2, size),
            _function(found, 'inner_products', [address] * 3 + [size] * 2 + [address], None),
        )
    except (OSError, ValueError, AttributeError) as error:
        _LOG.warning(
            '%s is not used, and searching takes longer: %s; build or install vpr_ros again',
            library,
            reason_of(error),
        )
        return Compiled()


def _require_unaltered(library: Path) -> None:
    """Compare a library with the checksum that the build wrote.

    Raises:
        OSError: One of the two cannot be read.
        ValueError: They differ.
    """
    expected = library.with_suffix('.sha256').read_bytes()[:64]
    if hashlib.sha256(library.read_bytes()).hexdigest().encode() != expected:
        msg = 'its checksum is not that of the build'
        raise ValueError(msg)


def _function(library: ctypes.CDLL, name: str, arguments: list[Any], result: Any) -> Any:
    if not getattr(library, f'{name}_supported')():
        return None
    function = getattr(library, name)
    function.argtypes, function.restype = arguments, result
    return function
