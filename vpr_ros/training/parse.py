# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Plain data from YAML to frozen dataclasses, with errors that name the key."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any, Literal, TypeVar

import yaml

from vpr_ros.errors import VprError

T = TypeVar('T')

_NUMBERS = {int: 'a whole number', float: 'a number', str: 'text', bool: 'true or false'}


class RecipeError(VprError):
    """A recipe that is not as expected."""


def parse(kind: type[T], data: Any, where: str = '') -> T:
    """Return a dataclass made of a mapping.

    Args:
        kind: A dataclass whose fields are numbers, text, literals, tuples, mappings, optional
            values or such dataclasses.
        data: The value that `yaml.safe_load` returned.
        where: Path of keys to it, for messages.

    Raises:
        RecipeError: A key is unknown or missing, or a value is of another type.
    """
    _a_mapping(data, where or 'the recipe')
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    prefix = f'{where}.' if where else ''
    for key in data:
        if key not in fields:
            msg = f'unknown key {prefix}{key}; there are {", ".join(fields)}'
            raise RecipeError(msg)
    hints = typing.get_type_hints(kind)
    values = {}
    for name, field in fields.items():
        if name in data:
            values[name] = _value(hints[name], data[name], f'{prefix}{name}')
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            msg = f'{prefix}{name} is missing'
            raise RecipeError(msg)
    try:
        return kind(**values)
    except (ValueError, TypeError) as error:
        msg = f'{where or kind.__name__}: {error}'
        raise RecipeError(msg) from error


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
        data[int(last) if isinstance(data, list) else last] = yaml.safe_load(text)
    except (TypeError, ValueError, IndexError, AttributeError) as error:
        msg = f'{path} does not lead to a value of the recipe'
        raise RecipeError(msg) from error


def _value(hint: Any, data: Any, where: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType:  # only X | None is used
        return None if data is None else _value(arguments[0], data, where)
    if dataclasses.is_dataclass(hint):
        return parse(typing.cast('type[Any]', hint), data, where)
    if origin is Literal:
        # YAML reads a precision of 32 as a number.
        if str(data) in arguments:
            return str(data)
        raise _wrong(where, f'one of {", ".join(arguments)}', data)
    if origin is tuple:
        return _sequence(arguments, data, where)
    if origin is dict:
        items = _a_mapping(data, where).items()
        return {str(key): _value(arguments[1], item, f'{where}.{key}') for key, item in items}
    return data if hint is Any else _scalar(hint, data, where)


def _sequence(arguments: tuple[Any, ...], data: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(data, list):
        raise _wrong(where, 'a list', data)
    if arguments[-1] is not Ellipsis and len(data) != len(arguments):
        raise _wrong(where, f'a list of {len(arguments)}', data)
    hints = arguments[:1] * len(data) if arguments[-1] is Ellipsis else arguments
    return tuple(
        _value(hint, item, f'{where}.{i}')
        for i, (hint, item) in enumerate(zip(hints, data, strict=True))
    )


def _a_mapping(data: Any, where: str) -> dict[Any, Any]:
    if not isinstance(data, dict):
        raise _wrong(where, 'a mapping', data)
    return data


def _scalar(hint: Any, data: Any, where: str) -> Any:
    if hint is float and not isinstance(data, bool):
        try:
            return float(data)  # YAML 1.1 takes 1e-3 for text
        except (TypeError, ValueError):
            pass
    elif isinstance(data, hint) and (hint is bool or not isinstance(data, bool)):
        return data
    raise _wrong(where, f'{_NUMBERS[hint]}', data)


def _wrong(where: str, expected: str, data: Any) -> RecipeError:
    return RecipeError(f'{where} must be {expected}, not {data!r}')
