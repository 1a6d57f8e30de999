# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The extra ``onnx``, whose packages are imported when they are needed."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from vpr_ros.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def onnx_extra(user: object) -> Iterator[None]:
    """Say how to install the extra, where an import in here finds that it is missing.

    Args:
        user: What needs it, named in the message.

    Raises:
        ModelError: One of its packages is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        msg = f"{user} needs {error.name}: pip install 'vpr_ros[onnx]'"
        raise ModelError(msg) from error
