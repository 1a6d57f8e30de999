# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Merges several maps into a new one: all of it, or nothing."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from vpr_ros.errors import MapError
from vpr_ros.maps.connection import explained
from vpr_ros.maps.file_format import put_in_place
from vpr_ros.maps.lock import WriterLock
from vpr_ros.maps.reader import PlaceMap
from vpr_ros.maps.writer import MapWriter

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Collection, Sequence

    from vpr_ros.maps.place import MapInfo

Source = tuple['str | os.PathLike[str]', 'Collection[int] | None']
"""A map and the identities of the sessions wanted of it, None for all."""


def merge(
    path: str | os.PathLike[str],
    sources: Sequence[Source],
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> MapInfo:
    """Make a new map of the sessions of others, which stay as they are.

    It is built beside its place and gets its name when it is whole. Frame, datum and coder are
    those of the first map; see `PlaceMap.merge`.

    Args:
        path: The file to be; nothing may be there yet.
        sources: At least one.
        progress: Told after each portion how many places are done, and of how many.

    Returns:
        The summary of the new map.

    Raises:
        MapError: Something is there already, the maps do not go together, or the disk is full;
            then nothing is left behind.
    """
    path = Path(path)
    lock = WriterLock(path)
    draft = path.with_name(path.name + '-merge')
    try:
        if path.exists():
            msg = f'{path} exists already: name a file that does not'
            raise MapError(msg)
        _remove(draft)  # One that was killed may have left it.
        _build(draft, sources, progress)
        with explained(path):
            put_in_place(draft, path)
    finally:
        _remove(draft)
        lock.release()
    with PlaceMap.open(path, memory_budget=0) as place_map:
        return place_map.info()


def _build(draft: Path, sources: Sequence[Source], progress: Callable[[int, int], None]) -> None:
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
            tell = partial(_tell, progress, len(merged), total)
            try:
                merged.merge(place_map, chosen, tell)
            except MapError as error:
                msg = f'{file} cannot be merged: {str(error).removeprefix(f"{draft}: ")}'
                raise MapError(msg) from error


def _tell(
    progress: Callable[[int, int], None], before: int, total: int, done: int, _of_map: int
) -> None:
    progress(before + done, total)


def _remove(draft: Path) -> None:
    for end in ('', '-wal', '-shm', '-journal', '-new', '-lock'):
        draft.with_name(draft.name + end).unlink(missing_ok=True)
