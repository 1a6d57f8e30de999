# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Makes new map files of others, copies and merged maps: each appears whole, or not at all."""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vpr_ros.errors import MapError, MapExistsError, MapInUseError, MapMissingError, MapSpaceError
from vpr_ros.maps.connection import explained, file_identity, require_file
from vpr_ros.maps.file_format import put_in_place, sync
from vpr_ros.maps.log_witness import read_checked
from vpr_ros.maps.meta import read_meta, write_meta
from vpr_ros.maps.reader import PlaceMap
from vpr_ros.maps.side_files import real_path, remove_all
from vpr_ros.maps.writer import MapWriter
from vpr_ros.maps.writer_lock import WriterLock

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Collection, Iterator, Sequence

    from vpr_ros.maps.place import MapInfo


def copy(source: Path, target: Path, *, overwrite: bool = False) -> None:
    """Copy a map; the copy gets its name when it is whole, and is on the disk on return.

    Args:
        source: The map.
        target: The new file.
        overwrite: Replace a file that is there; without, that is an error.

    Raises:
        MapMissingError: There is no such map, or no such folder.
        MapExistsError: The target is there, and may not be replaced.
        MapInUseError: The target is the map itself, or another process is writing it.
        MapError: The disk is full, the map is damaged, or the folder cannot be written.
    """
    require_file(source)
    if not target.parent.is_dir():
        msg = f'{target}: there is no folder {target.parent}'
        raise MapMissingError(msg)
    if file_identity(source) == file_identity(target):
        msg = f'{target} is the map itself, which is on the disk already'
        raise MapInUseError(msg)
    remedy = '' if overwrite else 'ask to overwrite it, or name another file'
    try:
        with _new_file(target, '-copy', remedy) as draft:
            _back_up(source, draft, target)
            sync(draft)
    except OSError as error:
        msg = f'{target} cannot be written: {error.strerror}'
        raise MapSpaceError(msg) from error


@contextmanager
def changed_copy(source: Path, target: Path) -> Iterator[MapWriter]:
    """Yield a copy of a map that can be changed; it gets its name when the body has ended.

    Args:
        source: The map, which stays as it is.
        target: The new file; nothing may be there yet.

    Raises:
        MapError: There is no such map, something is there already, the disk is full, or the
            folder cannot be written; then nothing is left behind.
    """
    require_file(source)
    with _new_file(target, '-copy', 'name a file that does not') as draft:
        _back_up(source, draft, target)
        with MapWriter.open(draft, memory_budget=0) as place_map:
            yield place_map
        sync(draft)


def _back_up(source: Path, draft: Path, target: Path) -> None:
    with explained(source):
        original, _ = read_checked(source, read_meta)
    with explained(target), closing(original):
        back_up(original, draft)


def back_up(original: sqlite3.Connection, draft: Path) -> None:
    """Copy a map, as a connection shows it, to a file that needs no log."""
    with closing(sqlite3.connect(draft)) as copied:
        original.backup(copied)
        # A copy of a map that is being written would else need its writer's log.
        copied.execute('PRAGMA journal_mode = DELETE')
        if (meta := read_meta(copied)).log:
            with copied:
                write_meta(copied, replace(meta, log=''))


Source = tuple['str | os.PathLike[str]', 'Collection[int] | None']
"""A map and the identities of the sessions wanted of it, None for all."""


def merge(
    path: str | os.PathLike[str],
    sources: Sequence[Source],
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    *,
    anchored: bool = False,
) -> MapInfo:
    """Make a new map of the sessions of others, which stay as they are.

    It is built beside its place and gets its name when it is whole. Frame, datum and coder are
    those of the first map; see `MapWriter.merge`.

    Args:
        path: The file to be; nothing may be there yet.
        sources: At least one.
        progress: Told after each portion how many places are done, and of how many.
        anchored: See `MapWriter.merge`.

    Returns:
        The summary of the new map.

    Raises:
        MapError: Something is there already, the maps do not go together, or the disk is full;
            then nothing is left behind.
    """
    path = Path(path)
    with _new_file(path, '-merge', 'name a file that does not') as draft:
        _build(draft, sources, progress, anchored=anchored)
    with PlaceMap.open(path, memory_budget=0) as place_map:
        return place_map.info()


@contextmanager
def _new_file(path: Path, ending: str, remedy: str) -> Iterator[Path]:
    """Yield a draft beside a path, and give it that name after the body.

    Args:
        path: The file to be.
        ending: Of the name of the draft.
        remedy: Advice for a file that exists already; empty to replace it.

    Raises:
        MapError: Something is there already, or another process is writing it.
    """
    path = real_path(path)
    lock = WriterLock(path)
    draft = path.with_name(path.name + ending)
    try:
        if remedy and path.exists():
            msg = f'{path} exists already: {remedy}'
            raise MapExistsError(msg)
        remove_all(draft)  # One that was killed may have left it.
        yield draft
        with explained(path):
            put_in_place(draft, path)
        lock.acknowledge(None)
    finally:
        remove_all(draft)
        lock.release()


def _build(
    draft: Path,
    sources: Sequence[Source],
    progress: Callable[[int, int], None],
    *,
    anchored: bool,
) -> None:
    with ExitStack() as stack:
        maps = [stack.enter_context(PlaceMap.open(file, memory_budget=0)) for file, _ in sources]
        first = maps[0]
        merged = stack.enter_context(
            MapWriter.create(
                draft, first.model, frame_id=first.frame_id, datum=first.datum, memory_budget=0
            )
        )
        total = sum(
            session.places
            for place_map, (_, chosen) in zip(maps, sources, strict=True)
            for session in place_map.session_list()
            if chosen is None or session.id in chosen
        )
        for place_map, (file, chosen) in zip(maps, sources, strict=True):

            def tell(done: int, _of_map: int, before: int = len(merged)) -> None:
                progress(before + done, total)

            try:
                merged.merge(place_map, chosen, tell, anchored=anchored)
            except MapError as error:
                msg = f'{file} cannot be merged: {str(error).removeprefix(f"{draft}: ")}'
                raise MapError(msg) from error
