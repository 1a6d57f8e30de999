# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One opened file of a bag, and the errors of its reader."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vpr_ros.errors import BagError, VprError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

Record = tuple[Any, int, bytes]
"""A rosbags connection, the time in ns at which the message was recorded, and its CDR bytes."""


@dataclass(frozen=True)
class Storage:
    """One opened file of a bag.

    Attributes:
        path: The file.
        connections: Topics, as rosbags' connections.
        start: Time of the first message, ns.
        end: Time of the last message, ns; before ``start`` where there is none.
        read: Yields the records of some connections from a time (inclusive) to another
            (exclusive), either of which may be None.
        close: Releases the file.
    """

    path: Path
    connections: Sequence[Any]
    start: int
    end: int
    read: Callable[[Sequence[Any], int | None, int | None], Iterator[Record]]
    close: Callable[[], None]


def explain(error: BaseException) -> str:
    """Return an error of rosbags as one line."""
    return (str(error) or type(error).__name__).splitlines()[0]


@contextmanager
def reasons(path: Path) -> Iterator[None]:
    """Turn whatever rosbags raises on damaged bags into one error that names the file."""
    try:
        yield
    except VprError:
        raise
    except Exception as error:
        msg = f'{path} is not a readable bag: {explain(error)}'
        raise BagError(msg) from error
