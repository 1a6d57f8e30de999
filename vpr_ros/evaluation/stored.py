# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Results of evaluations as JSON files: strict numbers, and checks when read."""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np

from vpr_ros import documents
from vpr_ros.errors import VprError, shown
from vpr_ros.evaluation.metrics import Tolerance
from vpr_ros.types import ModelInfo

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from typing_extensions import Self

NAMES = 'surrogateescape'
"""How bytes are made of names of files, which need not be UTF-8."""
_LARGEST = 1 << 28
"""Bytes of a result of millions of queries."""
_Setup = TypeVar('_Setup')


class StoredResult(ABC):
    """A result with a JSON form, which begins with the name and the version of its schema."""

    SCHEMA: ClassVar[str]
    SCHEMA_VERSION: ClassVar[int] = 1

    @abstractmethod
    def content(self) -> dict[str, Any]:
        """Return the data of the schema; arrays and NaN are allowed."""

    @classmethod
    def restore(cls, data: dict[str, Any]) -> Self:
        """Rebuild from the JSON form, of which the schema was checked.

        Raises:
            ValueError, KeyError, TypeError, AttributeError, OverflowError: The data are damaged.
        """
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form; unknown numbers are null."""
        head = {'schema': self.SCHEMA, 'schema_version': self.SCHEMA_VERSION}
        return {**head, **nulled(self.content())}

    def dumps(self) -> str:
        """Return the JSON text, strictly JSON: no NaN, no Infinity."""
        return json.dumps(self.to_json(), allow_nan=False)

    def save(self, path: Path) -> None:
        """Write the JSON form to a file."""
        path.write_text(self.dumps() + '\n', encoding='utf-8')

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Rebuild from the JSON form.

        Raises:
            VprError: Not such a file, of another schema version, or damaged.
        """
        if not isinstance(data, dict) or data.get('schema') != cls.SCHEMA:
            msg = f'this is not an evaluation of this kind: its "schema" is not "{cls.SCHEMA}"'
            raise VprError(msg)
        if data.get('schema_version') != cls.SCHEMA_VERSION:
            found = shown(data.get('schema_version'))
            msg = (
                f'the evaluation has schema version {found}, this program '
                f'reads version {cls.SCHEMA_VERSION}: evaluate again, or use a matching vpr_ros'
            )
            raise VprError(msg)
        try:
            return cls.restore(data)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            msg = f'the evaluation is damaged: {type(error).__name__}: {error}'
            raise VprError(msg) from error

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file that `save` wrote.

        Raises:
            VprError: The file cannot be read, or holds another result.
        """
        return cls.from_json(read_json(path))


def restored(kind: type[_Setup], data: dict[str, Any]) -> _Setup:
    """Rebuild a dataclass with a model and a tolerance from its ``asdict``."""
    nested = {'model': ModelInfo(**data['model']), 'tolerance': Tolerance(**data['tolerance'])}
    return kind(**{**data, **nested})


def floats(values: Any) -> NDArray[np.float64]:
    """Return numbers as an array, NaN for null."""
    return np.array(values, np.float64)


def same_length(what: str, count: int, *columns: Any) -> None:
    """Raise ValueError where the columns of a table have not as many rows as given."""
    if any(len(column) != count for column in columns if column is not None):
        msg = f'the columns of {what} differ in length'
        raise ValueError(msg)


def nulled(value: Any) -> Any:
    """Replace arrays by lists, every number that JSON cannot hold by None, and odd bytes.

    Names of files that are not UTF-8 hold halves of characters, which are no text elsewhere.
    """
    if isinstance(value, str):
        return value.encode(errors='backslashreplace').decode()
    if isinstance(value, np.ndarray):
        return nulled(value.tolist()) if value.dtype.kind == 'f' else value.tolist()
    if isinstance(value, dict):
        return {str(key): nulled(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [nulled(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_json(path: Path) -> Any:
    """Return the content of a JSON file.

    Raises:
        VprError: It cannot be read or is no JSON.
    """
    try:
        return documents.read_json(path, _LARGEST)
    except documents.DocumentError as error:
        msg = f'{path} cannot be read as JSON: {error}'
        raise VprError(msg) from error
