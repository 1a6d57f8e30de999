# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The two computations of a search in C (src/), which a colcon build puts beside this module.

An installation by pip has none, and some processors cannot run them; then `kernels` uses faiss.
The functions take addresses without checking them, and run without the lock of the interpreter.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

LIBRARY = Path(__file__).with_name('search.native.so')


class Compiled(NamedTuple):
    """The functions of the library that this processor can run.

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


def load(library: Path = LIBRARY) -> Compiled:
    """Load the library; return no functions where it is absent or damaged."""
    try:
        found = ctypes.CDLL(str(library))
    except OSError:
        return Compiled()
    address, size = ctypes.c_void_p, ctypes.c_ssize_t
    return Compiled(
        _function(found, 'nearest_codes', [address] * 2 + [size] * 3 + [address] * 2, size),
        _function(found, 'inner_products', [address] * 3 + [size] * 2 + [address], None),
    )


def _function(library: ctypes.CDLL, name: str, arguments: list[Any], result: Any) -> Any:
    if not getattr(library, f'{name}_supported')():
        return None
    function = getattr(library, name)
    function.argtypes, function.restype = arguments, result
    return function
