# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Models and formats by name: those of this package, and those of other packages."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import logging
import os
import pkgutil
import re
from collections.abc import Mapping
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from vpr_ros.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_log = logging.getLogger(__name__)

MODEL_ENDINGS = ('.safetensors', '.yaml', '.onnx', '.pt', '.ts')
"""Of files that are a model by themselves."""
_FILE_NAME = re.compile(r'[A-Za-z0-9][A-Za-z0-9._+-]{0,63}')


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_Entry = TypeVar('_Entry', bound=_Named)


class Registry(Mapping[str, _Entry]):
    """Entries by name, in the order of their registration; nothing is imported before it is used.

    Another package registers its entries with an entry point that names an iterable of them:
    ``any-name = its_package.module:ENTRIES``.

    Args:
        group: Of the entry points.
        own: Returns the entries of this package.
    """

    def __init__(self, group: str, own: Callable[[], Iterable[_Entry]]) -> None:
        self._group = group
        self._find = own

    @cached_property
    def own(self) -> dict[str, _Entry]:
        """Entries of this package."""
        return {entry.name: entry for entry in self._find()}

    @cached_property
    def others(self) -> dict[str, _Entry]:
        """Entries of other packages."""
        found: dict[str, _Entry] = {}
        for point in metadata.entry_points(group=self._group):
            entries: dict[str, _Entry] = _loaded(point)
            for name, entry in entries.items():
                if name in self.own or name in found:
                    _log.warning('%r of %s is left out: the name is taken', name, point.value)
                else:
                    found[name] = entry
        return found

    def __getitem__(self, name: str) -> _Entry:
        return self.own[name] if name in self.own else self.others[name]

    def __iter__(self) -> Iterator[str]:
        return iter([*self.own, *self.others])

    def __len__(self) -> int:
        return len(self.own) + len(self.others)


def _loaded(point: metadata.EntryPoint) -> dict[str, _Entry]:
    """Return the entries of an entry point; none, with a warning, where it is not usable."""
    try:
        return {entry.name: entry for entry in point.load()}
    except Exception as error:  # noqa: BLE001  code of others raises anything
        _log.warning('%s of %s is left out: %s', point.name, point.value, error)
        return {}


def entries_of(package: str, attribute: str) -> Iterator[_Entry]:
    """Yield the entries that the modules of a package list under a name.

    A module registers its entries by being there: nothing else has to name it.
    """
    for found in pkgutil.iter_modules(importlib.import_module(package).__path__, f'{package}.'):
        yield from getattr(importlib.import_module(found.name), attribute, ())


def names_listed(package: str, attribute: str) -> Iterator[str]:
    """Yield the names of the entries that the modules of a package list, from their source.

    The modules are not imported. Every entry must be a call whose first argument is the name.
    """
    found = importlib.util.find_spec(package)
    for folder in (found and found.submodule_search_locations) or ():
        for path in sorted(Path(folder).glob('*.py')):
            for statement in ast.parse(path.read_text('utf-8')).body:
                if isinstance(statement, ast.Assign) and attribute in map(
                    ast.unparse, statement.targets
                ):
                    entries: Any = statement.value
                    yield from (entry.args[0].value for entry in entries.elts)


def weights_folder() -> Path:
    """Return the user's weights folder: ``$VPR_WEIGHTS``, or ``~/.cache/vpr_ros/weights``."""
    return Path(os.environ.get('VPR_WEIGHTS') or Path.home() / '.cache' / 'vpr_ros' / 'weights')


def own_file(model: str) -> Path | None:
    """Return the user's own file of a model of this name, where there is one."""
    if not _FILE_NAME.fullmatch(model):
        return None
    files = (weights_folder() / f'{model}{ending}' for ending in ('.safetensors', '.yaml'))
    return next((file for file in files if file.is_file()), None)


def model_file(model: str) -> Path | None:
    """Return the file that a model is named by, or the user's own of this name; None for neither.

    Raises:
        ModelError: The file that is named is not there.
    """
    if Path(model).suffix not in MODEL_ENDINGS:
        return own_file(model)
    path = Path(os.path.expanduser(model))  # noqa: PTH111  also of users that are not there
    if not os.path.isfile(path):  # noqa: PTH113  also says so of names that are too long
        msg = f'there is no model file {path}' + ': it is a folder' * os.path.isdir(path)  # noqa: PTH112
        raise ModelError(msg)
    return path


def no_model(name: str, known: Iterable[str]) -> str:
    """Return why a name is no model.

    Args:
        name: It.
        known: Those there are.
    """
    if os.path.isdir(os.path.expanduser(name)):  # noqa: PTH111, PTH112  of any length
        return (
            f'{name} is a folder, and a model is a name or one file: weights with their card '
            '(.safetensors), or a network of others (.onnx, .pt, .ts) with its card (.yaml) '
            'beside it'
        )
    return f'there is no model {name!r}; there are {", ".join(known)}'
