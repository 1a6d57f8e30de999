# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Restricts the maps that requests can name to one folder."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from vpr_ros.errors import MapAccessError
from vpr_ros.printable import in_a_line

if TYPE_CHECKING:
    from pathlib import Path

SUFFIX = '.vprmap'
"""End of the names of maps, so that no request can name the logs and locks beside a map."""


class MapFolder:
    """The only folder, with all below it, in which maps are read and written by request.

    Args:
        path: The folder; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.expanduser().absolute()

    def __str__(self) -> str:
        return str(self._path)

    def path_of(self, url: str) -> Path:
        """Return the file that a request means, with all symbolic links followed.

        Args:
            url: ``file:///absolute/path``, an absolute path, or a path below the folder.

        Raises:
            MapAccessError: It is no such thing, leads out of the folder, whether by ``..`` or by
                a link, or is not the name of a map.
        """
        try:
            named = _path_in(url)
            if in_a_line(named) != named:
                msg = 'it has characters that cannot be seen, such as breaks of lines'
                raise ValueError(msg)  # noqa: TRY301
            path = _followed(self._path / named)
            inside = path.is_relative_to(self._path.resolve())
            is_map = path.suffix == SUFFIX and not path.is_dir()
        except (OSError, RuntimeError, ValueError) as error:
            msg = f'{url!r} cannot be a file: {error}'
            raise MapAccessError(msg) from error
        if not inside:
            msg = (
                f'{url!r} is not below {self._path}, outside of which this node touches no map '
                '(parameter map_folder)'
            )
            raise MapAccessError(msg)
        if not is_map:
            msg = f'{url!r} is not the name of a map, which ends in {SUFFIX}'
            raise MapAccessError(msg)
        return path


def _followed(path: Path) -> Path:
    """Return a path with all symbolic links followed."""
    followed = path.resolve()
    # A link to itself ends that early, and later parts of the path may be links, too.
    if followed.resolve() != followed:
        msg = 'its links lead in a circle'
        raise ValueError(msg)
    return followed


def _path_in(url: str) -> str:
    """Return the path, absolute or not, that a URL or a plain path names."""
    if not url.startswith('file:'):
        if '://' in url:
            msg = 'only file:// and plain paths are understood'
            raise ValueError(msg)
        return url
    parts = urlsplit(url)
    if parts.netloc not in ('', 'localhost') or not parts.path.startswith('/'):
        msg = 'a file URL is file:///absolute/path'
        raise ValueError(msg)
    return unquote(parts.path, errors='strict')
