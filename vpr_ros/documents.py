# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads YAML, JSON and lines that anybody may have written, within limits and with one error.

A few hundred bytes of YAML can stand for more than any memory holds (aliases of aliases), and
both languages can be nested more deeply than a program can follow. Both are noticed before
anything is built.
"""

from __future__ import annotations

import json
from typing import IO, TYPE_CHECKING, Any, AnyStr, NoReturn

import yaml

from vpr_ros.errors import VprError, reason_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_BYTES = 1 << 20
"""Of a YAML file, unless told otherwise."""
_MOST_VALUES = 100_000
"""Of a YAML text, aliases written out; longer ones may have one for each character."""
_DEEPEST = 64
_LONGEST_INTEGER = 20
"""Digits; 64 bits have no more."""
_Loader: Any = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)


class DocumentError(VprError):
    """A text that is no YAML or JSON, or not what was expected, or beyond the limits."""


def lines_of(file: IO[AnyStr], most: int = MOST_BYTES) -> Iterator[AnyStr]:
    """Yield the lines of an open file, each with its end.

    Args:
        file: Of text or bytes.
        most: A longer line is refused before it is read.

    Raises:
        DocumentError: A line is too long: a disk takes any number of zeros for nothing.
    """
    number = 0
    while line := file.readline(most + 1):
        number += 1
        if len(line) > most:
            msg = f'line {number} is longer than {most} characters'
            raise DocumentError(msg)
        yield line


def read_yaml(path: Path, most_bytes: int = MOST_BYTES) -> Any:
    """Return the content of a YAML file: mappings, lists, texts, numbers, dates.

    Args:
        path: The file.
        most_bytes: A larger file is refused.

    Raises:
        DocumentError: It cannot be read, is no YAML, or is beyond the limits; says why, without
            the path.
    """
    return yaml_of(_text(path, most_bytes))


def yaml_of(text: str) -> Any:
    """Return the content of a YAML text.

    Raises:
        DocumentError: It is no YAML, or is beyond the limits.
    """
    try:
        _require_small(text)
        loader = _Loader(text)
        try:
            content = loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise DocumentError(reason_of(error)) from error
    # The constructors of PyYAML raise whatever a value brings about.
    except Exception as error:
        if isinstance(error, DocumentError):
            raise
        msg = f'a value in it makes no sense ({type(error).__name__}: {reason_of(error)})'
        raise DocumentError(msg) from error
    _require_plain(content)
    return content


def read_json(path: Path, most_bytes: int = MOST_BYTES) -> Any:
    """Return the content of a JSON file.

    Args:
        path: The file.
        most_bytes: A larger file is refused.

    Raises:
        DocumentError: It cannot be read, is no strict JSON, or is beyond the limits; says why,
            without the path.
    """
    return json_of(_text(path, most_bytes))


def json_of(text: str) -> Any:
    """Return the content of a JSON text.

    Raises:
        DocumentError: It is no strict JSON, or is beyond the limits.
    """
    try:
        content = json.loads(text, parse_int=_integer, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise DocumentError(reason_of(error)) from error
    _require_plain(content)
    return content


def _text(path: Path, most_bytes: int) -> str:
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            # A pipe that nobody writes to would be waited for.
            msg = 'it is no file'
            raise DocumentError(msg)
        with path.open(encoding='utf-8') as file:
            text = file.read(most_bytes)
            if file.read(1):
                msg = f'it is too large: more than {most_bytes} bytes'
                raise DocumentError(msg)
            return text
    except (OSError, ValueError) as error:
        raise DocumentError(reason_of(error)) from error


def _require_small(text: str) -> None:
    """Refuse YAML that is nested deeply, or becomes more values than it has characters."""
    values = depth = 0
    most = max(_MOST_VALUES, len(text))
    sizes: dict[str, int] = {}
    open_anchors: list[tuple[str | None, int]] = []
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
            anchor, before = open_anchors.pop()
            if anchor is not None:
                sizes[anchor] = values - before
            continue
        if not isinstance(event, yaml.NodeEvent):
            continue
        if isinstance(event, yaml.AliasEvent):
            # Of an anchor that is not known yet, PyYAML says it better.
            values += sizes.get(event.anchor, 0)
            if any(event.anchor == anchor for anchor, _ in open_anchors):
                msg = f'{event.anchor[:40]!r} contains itself'
                raise DocumentError(msg)
        elif isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            open_anchors.append((event.anchor, values))
            values += 1
        else:
            values += 1
            if event.anchor is not None:
                sizes[event.anchor] = 1
        if depth > _DEEPEST:
            msg = f'it is nested too deeply: more than {_DEEPEST} levels'
            raise DocumentError(msg)
        if values > most:
            msg = 'its aliases stand for far more than is written: write them out'
            raise DocumentError(msg)


def _require_plain(content: Any) -> None:
    """Refuse what nothing of ours can mean, and what cannot be printed or sent."""
    waiting: list[tuple[Any, int]] = [(content, 0)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, (dict, list, tuple, set)):
            if depth > _DEEPEST:
                msg = f'it is nested too deeply: more than {_DEEPEST} levels'
                raise DocumentError(msg)
            items = (*value, *value.values()) if isinstance(value, dict) else value
            waiting.extend((item, depth + 1) for item in items)
        elif isinstance(value, int) and not -(2**63) <= value < 2**64:
            msg = 'a whole number in it does not fit in 64 bits'
            raise DocumentError(msg)
        elif isinstance(value, str):
            try:
                value.encode()
            except UnicodeEncodeError as error:
                msg = 'a text in it is not valid Unicode'
                raise DocumentError(msg) from error


def _integer(digits: str) -> int:
    if len(digits) > _LONGEST_INTEGER:
        msg = f'a whole number in it has {len(digits)} digits'
        raise ValueError(msg)
    return int(digits)


def _refuse_constant(name: str) -> NoReturn:
    msg = f'{name} is no number of JSON'
    raise ValueError(msg)
