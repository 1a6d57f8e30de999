# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Settings that replace values of a recipe."""

from __future__ import annotations

from typing import Any

from vpr_ros.documents import yaml_of
from vpr_ros.errors import VprError


class RecipeError(VprError):
    """A recipe that is not as expected."""


def override(data: Any, setting: str) -> None:
    """Replace a value in nested mappings and lists by ``key.sub=value``, in place.

    Raises:
        RecipeError: The setting is not of this form, or leads through something else.
    """
    path, equals, text = setting.partition('=')
    *parents, last = path.split('.')
    if not equals or not last:
        msg = f'a setting is key.sub=value, not {setting!r}'
        raise RecipeError(msg)
    try:
        for key in parents:
            data = data[int(key)] if isinstance(data, list) else data.setdefault(key, {})
        data[int(last) if isinstance(data, list) else last] = yaml_of(text)
    except (TypeError, ValueError, IndexError, AttributeError) as error:
        msg = f'{path} does not lead to a value of the recipe'
        raise RecipeError(msg) from error
