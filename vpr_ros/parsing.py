# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Plain data from YAML and JSON to dataclasses, with errors that name the key."""

from __future__ import annotations

import dataclasses
import functools
import math
import types
import typing
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from vpr_ros.documents import DocumentError
from vpr_ros.errors import shown

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar('T')

_NUMBERS = {int: 'a whole number', float: 'a number', str: 'text', bool: 'true or false'}


def parse(kind: type[T], data: Any, where: str = '') -> T:
    """Return a dataclass made of a mapping.

    Args:
        kind: A dataclass whose fields are numbers, text, literals, tuples, lists, mappings,
            optional values or such dataclasses.
        data: Plain data, such as `documents.read_yaml` returns.
        where: Path of keys to it, for messages.

    Raises:
        DocumentError: A key is unknown or missing, or a value is of another type.
    """
    _a_mapping(data, where or 'the content')
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    prefix = f'{where}.' if where else ''
    for key in data:
        if key not in fields:
            msg = f'unknown key {prefix}{str(key)[:80]}; there are {", ".join(fields)}'
            raise DocumentError(msg)
    hints = _hints_of(typing.cast('Any', kind))
    values = {}
    for name, field in fields.items():
        if name in data:
            values[name] = _value(hints[name], data[name], f'{prefix}{name}')
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            msg = f'{prefix}{name} is missing'
            raise DocumentError(msg)
    try:
        return kind(**values)
    except (ValueError, TypeError) as error:
        msg = f'{where or kind.__name__}: {error}'
        raise DocumentError(msg) from error


@functools.cache
def _hints_of(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _value(hint: Any, data: Any, where: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType:  # only X | None is used
        return None if data is None else _value(arguments[0], data, where)
    if dataclasses.is_dataclass(hint):
        return parse(typing.cast('type[Any]', hint), data, where)
    if origin in _CONTAINERS:
        return _CONTAINERS[origin](arguments, data, where)
    return data if hint is Any else _scalar(hint, data, where)


def _choice(arguments: tuple[Any, ...], data: Any, where: str) -> str:
    # YAML reads a precision of 32 as a number.
    if isinstance(data, (str, int)) and str(data) in arguments:
        return str(data)
    raise _wrong(where, f'one of {", ".join(arguments)}', data)


def _list(arguments: tuple[Any, ...], data: Any, where: str) -> list[Any]:
    return list(_sequence((*arguments, Ellipsis), data, where))


def _dict(arguments: tuple[Any, ...], data: Any, where: str) -> dict[str, Any]:
    items = _a_mapping(data, where).items()
    return {
        str(key): _value(arguments[1], item, f'{where}.{str(key)[:80]}') for key, item in items
    }


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


_CONTAINERS: dict[Any, Callable[[tuple[Any, ...], Any, str], Any]] = {
    Literal: _choice,
    tuple: _sequence,
    list: _list,
    dict: _dict,
}


def _a_mapping(data: Any, where: str) -> dict[Any, Any]:
    if not isinstance(data, dict):
        raise _wrong(where, 'a mapping', data)
    return data


def _scalar(hint: Any, data: Any, where: str) -> Any:
    if hint is float and not isinstance(data, bool):
        try:
            number = float(data)  # YAML 1.1 takes 1e-3 for text
            if math.isfinite(number):
                return number
        except (TypeError, ValueError, OverflowError):
            pass
    elif isinstance(data, hint) and (hint is bool or not isinstance(data, bool)):
        return data
    raise _wrong(where, f'{_NUMBERS[hint]}', data)


def _wrong(where: str, expected: str, data: Any) -> DocumentError:
    return DocumentError(f'{where} must be {expected}, not {shown(data)}')
