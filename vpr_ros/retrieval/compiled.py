# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The inner products of src/inner_products.c, which a colcon build puts beside this module.

An installation by pip has none, and processors may lack what it needs: `kernels` has another way.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LIBRARY = Path(__file__).with_name('inner_products.native.so')


def load(library: Path = LIBRARY) -> Callable[[int, int, int, int, int, int], None] | None:
    """Return the function, None where it is not there or this processor cannot run it.

    It takes the addresses of a query (D,) float32, of packed float16 descriptors (N, 2 D) uint8
    and of rows (n,) intp, the numbers n and D, and the address of the products (n,) float32 that
    it writes. It looks at none of them, and lets other threads of Python run meanwhile.
    """
    try:
        found = ctypes.CDLL(str(library))
    except OSError:
        return None
    if not found.supported():
        return None
    function = found.inner_products
    function.argtypes = [*[ctypes.c_void_p] * 3, *[ctypes.c_ssize_t] * 2, ctypes.c_void_p]
    function.restype = None
    return function
