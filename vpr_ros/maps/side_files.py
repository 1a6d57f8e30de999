# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The files beside a map: logs and index of SQLite, the writer's lock, drafts of copies.

SQLite keeps its files beside the file that a name leads to, links followed, and so does all that
is here: whatever name a map is opened by, it has one log and one lock. None of these files may
itself be a link: what SQLite writes to it would be written elsewhere.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from vpr_ros.errors import MapAccessError

_LOGS = ('-wal', '-journal')
_OF_SQLITE = (*_LOGS, '-shm')
_ALL = (*_OF_SQLITE, '-new', '-lock')


def beside(path: Path, ending: str) -> Path:
    """Return the file beside a map whose name has this ending."""
    real = real_path(path)
    return real.with_name(real.name + ending)


def real_path(path: Path) -> Path:
    """Return the file that a name leads to, links followed; it need not exist."""
    return Path(os.path.realpath(path))


def logs_beside(path: Path) -> list[Path]:
    """Return the logs of SQLite that lie beside a map."""
    return [log for ending in _LOGS if (log := beside(path, ending)).exists()]


def unfinished(path: Path) -> list[Path]:
    """Return the logs beside a map that hold something."""
    return [log for log in logs_beside(path) if log.stat().st_size]


def remove_all(draft: Path) -> None:
    """Remove a draft of a map with all that lies beside it."""
    for ending in ('', *_ALL):
        draft.with_name(draft.name + ending).unlink(missing_ok=True)


def require_plain(path: Path) -> None:
    """Refuse files of SQLite beside a map that lead elsewhere.

    Raises:
        MapAccessError: One is a link, has a second name, or is no file.
    """
    for ending in _OF_SQLITE:
        file = beside(path, ending)
        try:
            found = file.lstat()
        except FileNotFoundError:
            continue
        except OSError as error:
            msg = f'{file} cannot be read: {error.strerror}'
            raise MapAccessError(msg) from error
        if not is_plain(found):
            msg = f'{file} is a link, has a second name or is no file: remove it'
            raise MapAccessError(msg)


def is_plain(found: os.stat_result) -> bool:
    """Tell whether something is a file with one name."""
    return stat.S_ISREG(found.st_mode) and found.st_nlink == 1
