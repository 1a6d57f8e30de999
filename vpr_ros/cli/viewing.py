# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Recordings for Rerun, the viewer: the options that ask for one, and how one is made."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vpr_ros.cli.console import console, progress_bar, require_folders
from vpr_ros.errors import VprError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    from vpr_ros.view.view_stream import ViewStream

    Scene: TypeAlias = Callable[[ViewStream, Callable[[int, int], None]], str]
    """Shows something, and returns what is left out, in words."""
    Recorder: TypeAlias = Callable[[Scene], None]
    """Records a scene."""

_SUFFIX, _MAGIC = '.rrd', b'RRF'


def check_recording(path: Path | None) -> Path | None:
    """Refuse a file that cannot become a recording, or is something else already."""
    if path is None:
        return None
    if path.suffix.lower() != _SUFFIX:
        msg = f'{path} must end in {_SUFFIX}'
        raise typer.BadParameter(msg)
    try:
        require_folders(path)
    except VprError as error:
        raise typer.BadParameter(str(error)) from error
    if not os.access(path.absolute().parent, os.W_OK):
        msg = f'{path} cannot be written: its folder is not writable'
        raise typer.BadParameter(msg)
    if path.exists() and not _is_recording(path):
        msg = f'{path} exists, and is no recording of Rerun: name another file'
        raise typer.BadParameter(msg)
    return path


def _is_recording(path: Path) -> bool:
    """Return whether a file may be replaced by a recording."""
    if not path.is_file():
        return False
    with path.open('rb') as file:
        return file.read(len(_MAGIC)) in (b'', _MAGIC)


RerunFile = Annotated[
    Path | None,
    typer.Option(
        '--rerun',
        metavar='FILE.rrd',
        callback=check_recording,
        help='Write a recording for Rerun, the viewer, to this file.',
    ),
]
View = Annotated[bool, typer.Option('--view', help='Look at the result in Rerun, the viewer.')]


@contextmanager
def viewing(file: Path | None, title: str, *, viewer: bool) -> Iterator[Recorder | None]:
    """Yield what records a scene, as `looking` does; None where nobody wants to look."""
    if file is None and not viewer:
        yield None
    else:
        with looking(file, title, viewer=viewer) as record:
            yield record


@contextmanager
def looking(file: Path | None, title: str, *, viewer: bool) -> Iterator[Recorder]:
    """Yield what records a scene.

    Args:
        file: The recording to be, None for one that is only looked at.
        title: Of the recording.
        viewer: Open the viewer when the body has ended, and wait until it is closed.

    Raises:
        VprError: The recording cannot be written, or the viewer not be opened.
    """
    from vpr_ros.view.view_stream import recording_to  # a missing package is told now
    from vpr_ros.view.viewer import open_viewer, require_display

    if viewer:
        try:
            require_display()
        except VprError as error:
            msg = (
                f'{error}: write a recording with --rerun FILE.rrd, and look at it on another '
                'machine, or in a browser: rerun --web-viewer FILE.rrd'
            )
            raise VprError(msg) from error
    with tempfile.TemporaryDirectory(prefix='vpr_view_') as folder:
        path = file or Path(folder) / f'view{_SUFFIX}'

        def record(scene: Scene) -> None:
            with progress_bar('reading pictures') as tell, recording_to(path, title) as stream:
                left_out = scene(stream, tell)
            out = console(stderr=True)
            if left_out:
                out.print(f'not shown: {left_out}')
            if file is not None:
                out.print(f'recording: {file}; to look at it: rerun {file}')

        yield record
        if viewer and path.exists():
            open_viewer(path)
