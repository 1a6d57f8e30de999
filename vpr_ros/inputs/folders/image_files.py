# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Finds the images of a folder, in the order in which people count them."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from vpr_ros.errors import VprError, reason_of
from vpr_ros.inputs.frames import SUFFIXES, VIDEO_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_log = logging.getLogger(__name__)

UNREAD = frozenset(
    '.' + kind
    for kind in (
        *('eps', 'exr', 'fits', 'hdr', 'jxl', 'pdf', 'psb', 'psd', 'svg', 'tga', 'xcf'),
        # Raw photographs.
        *('3fr', 'arw', 'cr2', 'cr3', 'dng', 'erf', 'fff', 'gpr', 'iiq', 'kdc', 'mos', 'mrw'),
        *('nef', 'nrw', 'orf', 'pef', 'raf', 'raw', 'rw2', 'rwl', 'sr2', 'srf', 'srw', 'x3f'),
    )
)
"""Suffixes of pictures that are not read, in lower case."""
_COMPANIONS = frozenset(
    {
        '#recycle',
        '#snapshot',
        '$RECYCLE.BIN',
        '@Recycle',
        '@__thumb',
        '@eaDir',
        'System Volume Information',
        '__MACOSX',
        'lost+found',
    }
)
"""Folders that operating and storage systems put beside images, with copies of them."""
_SECONDS = re.compile(r'([0-9]+\.[0-9]+)')
_NUMBER = re.compile(r'([0-9]{9,}\.[0-9]+|[0-9]+)')
"""Whole numbers, and stamps in seconds."""
_NAMED = 5
"""Files that a message names."""


class FolderError(VprError):
    """A folder of images, or a file of their poses, that is not as its format has it."""


def images_in(folder: Path) -> list[Path]:
    """Return the image files of a folder and the folders in it, in natural order of their paths.

    Hidden files and the folders that systems make beside images are no images. Pictures of kinds
    that are not read, and videos, are left out, and the log names them.

    Raises:
        FolderError: There is none, or a folder cannot be read.
    """
    files = list(walk_files(folder))
    images = [path for path in files if path.suffix.lower() in SUFFIXES]
    unread = [path for path in files if path.suffix.lower() in UNREAD]
    videos = [path for path in files if path.suffix.lower() in VIDEO_SUFFIXES]
    left = f'left out: {listing(folder, unread)}' if unread else ''
    if videos:
        names = _names(folder, videos)
        left = f'{left}{"; " if left else ""}left out: {names} (videos are read one by one)'
    if not images:
        kinds = ' '.join(sorted(SUFFIXES))
        msg = f'{folder} holds no images ({kinds}){"; " if left else ""}{left}'
        raise FolderError(msg)
    if left:
        _log.warning('%s: %s', folder, left)
    return images


def unread_in(folder: Path) -> list[Path]:
    """Return the pictures of a folder and the folders in it whose kind is not read, in order.

    Raises:
        FolderError: A folder cannot be read.
    """
    return [path for path in walk_files(folder) if path.suffix.lower() in UNREAD]


def listing(folder: Path, unread: Sequence[Path]) -> str:
    """Return the first of some pictures that are not read, how many more there are, and why."""
    kinds = ', '.join(sorted({path.suffix.lower() for path in unread}))
    return f'{_names(folder, unread)} ({kinds} is not read: save them as JPEG or PNG)'


def _names(folder: Path, files: Sequence[Path]) -> str:
    names = ', '.join(path.relative_to(folder).as_posix() for path in files[:_NAMED])
    return names + (f' and {len(files) - _NAMED} more' if len(files) > _NAMED else '')


def walk_files(folder: Path, above: tuple[Path, ...] = ()) -> Iterator[Path]:
    """Yield the files of a folder and the folders in it that could be images, in natural order.

    Folders that are links are followed, unless they lead to what is read anyway.

    Args:
        folder: Where the files are.
        above: The folders that it was found in, without links; the first is the one asked for.

    Raises:
        FolderError: A folder cannot be read.
    """
    above = *above, Path(os.path.realpath(folder))
    try:
        with os.scandir(folder) as entries:
            there = {entry.name: Path(entry) for entry in entries if not _is_companion(entry.name)}
    except OSError as error:
        msg = f'{folder} cannot be read as a folder of images: {reason_of(error)}'
        raise FolderError(msg) from error
    for name in natural_order(there):
        entry = there[name]
        if entry.is_dir():
            if not entry.is_symlink() or not _is_read(Path(os.path.realpath(entry)), above):
                yield from walk_files(entry, above)
        elif entry.is_file() or (entry.is_symlink() and not entry.exists()):
            # A broken link stays: it holds the place of its image, and reading it tells.
            yield entry


def _is_read(target: Path, above: tuple[Path, ...]) -> bool:
    """Tell whether a folder is in the first of some folders, or holds one of them."""
    return target.is_relative_to(above[0]) or any(a.is_relative_to(target) for a in above)


def _is_companion(name: str) -> bool:
    return name.startswith('.') or name in _COMPANIONS


def natural_order(names: Iterable[str]) -> list[str]:
    """Return names with their numbers in order of size: 2.jpg before 10.jpg.

    Names that are decimal numbers are seconds, 0.25 before 0.5, unless they are counted on beyond
    9 behind the point, as 1.9 and 1.10 are.
    """
    split = {name: _split(name) for name in names}
    decimals = [stem for stem, _ in split.values() if _SECONDS.fullmatch(stem)]
    fractions = [stem.partition('.')[2] for stem in decimals]
    counted = len({len(fraction) for fraction in fractions}) > 1 and any(
        len(fraction) > 1 and fraction.endswith('0') for fraction in fractions
    )

    def key(name: str) -> tuple[list[tuple[int, str]], str, str]:
        stem, suffix = split[name]
        decimal = not counted and _SECONDS.fullmatch(stem)
        parts = (_SECONDS if decimal else _NUMBER).split(stem)
        # Texts and numbers in turn; the name itself tells apart 1.jpg and 01.jpg.
        return [_number(p) if i % 2 else (0, p) for i, p in enumerate(parts)], suffix, name

    return sorted(split, key=key)


def _split(name: str) -> tuple[str, str]:
    """Return stem and suffix of a name, in lower case; run.10 has no suffix."""
    stem, point, suffix = name.casefold().rpartition('.')
    return (name.casefold(), '') if not stem or suffix.isdecimal() else (stem, point + suffix)


def _number(text: str) -> tuple[int, str]:
    whole, _, fraction = text.partition('.')
    return int(whole), fraction.rstrip('0')
