# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the JSON files of evaluations have in common: strict numbers, and checks when read."""

from __future__ import annotations

import json
import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from vpr_ros.errors import VprError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def nulled(value: Any) -> Any:
    """Replace arrays by lists and every number that JSON cannot hold by None."""
    if isinstance(value, dict):
        return {key: nulled(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return nulled(value.tolist())
    if isinstance(value, list | tuple):
        return [nulled(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_json(path: Path) -> Any:
    """Return what a file holds.

    Raises:
        VprError: It cannot be read or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        msg = f'{path} cannot be read as JSON: {error}'
        raise VprError(msg) from error


@contextmanager
def reading(data: Any, schema: str, version: int, what: str) -> Iterator[None]:
    """Check what a file says of itself, then tell as damage whatever else goes wrong.

    Args:
        data: The JSON form.
        schema: Name it must have.
        version: Version it must have.
        what: What data of another name are, such as ``not an evaluation``.

    Raises:
        VprError: Not such a file, of another schema version, or damaged.
    """
    if not isinstance(data, dict) or data.get('schema') != schema:
        msg = f'this is {what}: its "schema" is not "{schema}"'
        raise VprError(msg)
    if data.get('schema_version') != version:
        msg = (
            f'the evaluation has schema version {data.get("schema_version")}, this program '
            f'reads version {version}: evaluate again, or use a matching vpr_ros'
        )
        raise VprError(msg)
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        msg = f'the evaluation is damaged: {type(error).__name__}: {error}'
        raise VprError(msg) from error
