# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Writes a recording for Rerun: it appears whole, or not at all."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import rerun as rr

from vpr_ros.errors import VprError
from vpr_ros.view.entities import ABOUT, MARKDOWN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray
    from typing_extensions import Self

    from vpr_ros.view.entities import Entity

APPLICATION = 'vpr_ros'
_JPEG = 'image/jpeg'


@dataclass(frozen=True, eq=False)
class Moments:
    """Points of a time line.

    Attributes:
        line: Name of the time line.
        numbers: (T,) whole numbers on it.
        stamps: (T,) nanoseconds on the time line `time`; None for none.
    """

    line: str
    numbers: NDArray[np.int64]
    stamps: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, rows: ArrayLike) -> Self:
        """Return some of them."""
        chosen = np.asarray(rows, np.intp)
        stamps = None if self.stamps is None else self.stamps[chosen]
        return type(self)(self.line, self.numbers[chosen], stamps)

    def columns(self) -> list[Any]:
        """Return them as Rerun takes them."""
        columns = [rr.TimeColumn(self.line, sequence=self.numbers)]
        if self.stamps is not None:
            columns.append(rr.TimeColumn('time', timestamp=self.stamps.view('datetime64[ns]')))
        return columns


class ViewStream:
    """Takes the data of entities."""

    def __init__(self, stream: rr.RecordingStream) -> None:
        self._stream = stream

    def show(self, entity: Entity, **values: Any) -> None:
        """Show something at all times; the values are those of its archetype."""
        self._stream.log(entity.path, entity.archetype(**values), static=True, strict=True)

    def style(self, entity: Entity, **values: Any) -> None:
        """Show an entity in some way, at all times; the values are some of its archetype."""
        style = entity.archetype.from_fields(**values)
        self._stream.log(entity.path, style, static=True, strict=True)

    def play(
        self,
        entity: Entity,
        moments: Moments,
        lengths: ArrayLike | None = None,
        **columns: Any,
    ) -> None:
        """Show something else at each moment.

        Args:
            entity: What.
            moments: T of them.
            lengths: (T,) how many items of each column are of each moment; one, if not given.
            columns: Of the archetype.
        """
        if not len(moments):
            return
        data = entity.archetype.columns(**columns)
        if lengths is not None:
            data = data.partition(np.asarray(lengths))
        rr.send_columns(entity.path, moments.columns(), data, recording=self._stream, strict=True)

    def play_picture(self, entity: Entity, moment: Moments, jpeg: bytes) -> None:
        """Show a picture from one moment on."""
        self.play(entity, moment, blob=[jpeg], media_type=[_JPEG])

    def hide(self, entity: Entity, moments: Moments) -> None:
        """Show no picture at some moments."""
        self.play(entity, moments, np.zeros(len(moments), np.int64), blob=[], media_type=[])

    def say(self, text: str, left_out: str) -> None:
        """Show what it is all about, in Markdown, and what is not shown."""
        told = f'{text}\n\nNot shown: {left_out}.' if left_out else text
        self.show(ABOUT, text=told, media_type=MARKDOWN)

    def arrange(self, blueprint: Any) -> None:
        """Have the viewer open on a layout."""
        self._stream.send_blueprint(blueprint)


@contextmanager
def recording_to(path: Path, title: str) -> Iterator[ViewStream]:
    """Yield what takes the data of a new recording; it gets its name when the body has ended.

    Args:
        path: The file to be, in place of one that is there.
        title: Shown in the viewer.

    Raises:
        VprError: It cannot be written; then nothing is left behind.
    """
    draft = path.with_name(path.name + '-new')
    stream = rr.RecordingStream(APPLICATION)
    with _explained(path):
        stream.save(draft)
    try:
        stream.send_recording_name(title)
        yield ViewStream(stream)
        with _explained(path):
            stream.flush()
            stream.disconnect()
            if not draft.exists():
                msg = 'Rerun is switched off by the environment variable RERUN'
                raise RuntimeError(msg)
            draft.replace(path)
    finally:
        stream.disconnect()
        draft.unlink(missing_ok=True)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Raise failures of Rerun, which are RuntimeErrors, as those of a file."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        msg = f'{path} cannot be written: {error}'
        raise VprError(msg) from error
