# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr map export`` and ``import``."""

from __future__ import annotations

import logging
import math
import os
import sys
from collections import Counter
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Literal

import typer

from vpr_ros.cli import map_register
from vpr_ros.cli import options as opt
from vpr_ros.cli.adding_places import adding_to
from vpr_ros.cli.console import progress_bar, require_folders, say
from vpr_ros.cli.map_edit import sessions_of
from vpr_ros.cli.video_options import Start, start_stamp
from vpr_ros.errors import MapError, MapFrameError
from vpr_ros.inputs.folders import FOLDER_FORMATS, images_in_order, video_images
from vpr_ros.types import DEFAULT_MODEL, LARGEST_SETTING, THUMBNAIL_SIZE
from vpr_ros.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vpr_ros.inputs.folders import FolderFormat, PosedImage
    from vpr_ros.maps import MapWriter


_Format = Annotated[
    str | None,
    opt.format_option('--format', {name: form.help for name, form in FOLDER_FORMATS.items()}),
]


_log = logging.getLogger(__name__)

_VIDEO = 'video'
_RTABMAP = 'rtabmap'
_WAYS = 'import into a new map and vpr map register that, --no-poses, or --anchored'
_VIDEO_INTERVAL = 1.0
"""Seconds between two keyframes of a video without poses."""


def export(
    context: typer.Context,
    path: opt.MapPath,
    *,
    form: Annotated[
        Literal['tum', 'geojson', 'csv'], typer.Option('--format', help='Format of the file.')
    ],
    output: Annotated[
        Path, typer.Option('--output', '-o', help='File to write; - is standard output.')
    ],
    session: opt.Sessions = None,
    ids: Annotated[
        bool, typer.Option('--ids', help='TUM: ids of places in the place of stamps.')
    ] = False,
    as_json: opt.AsJson = False,
) -> None:
    """Write poses as a TUM trajectory, places as GeoJSON or CSV (QGIS: lon and lat, EPSG:4326)."""
    from vpr_ros.maps import PlaceMap
    from vpr_ros.maps.map_export import write_csv, write_geojson, write_tum

    to_stdout = output == Path('-')
    if to_stdout and as_json:
        msg = 'standard output cannot hold the file and --json: give a file as --output'
        raise typer.BadParameter(msg)
    opt.refuse_idle(context, f'with --format {form}', 'ids', when=form != 'tum')
    require_folders(None if to_stdout else output)
    with PlaceMap.open(path, memory_budget=0) as place_map, _whole(output) as file:
        chosen = sessions_of(place_map, session, path)
        if form == 'tum':
            count = write_tum(place_map, file, chosen, ids=ids)
        else:
            write = write_geojson if form == 'geojson' else write_csv
            with progress_bar(f'exporting {path.name}') as progress:
                count = write(place_map, file, chosen, progress)
    if not to_stdout:
        say(as_json, {'written': {str(output): count}}, f'{output}: {counted(count, "place")}')


def import_(
    context: typer.Context,
    path: opt.NewMapPath,
    folder: Annotated[
        Path,
        typer.Argument(
            metavar='FOLDER',
            callback=opt.check_not_map,
            help='Images; or a video, or for rtabmap the database.',
        ),
    ],
    *,
    form: _Format = None,
    poses: Annotated[
        Path | None,
        typer.Option(help='File of poses, or folder of the model, where the format needs one.'),
    ] = None,
    no_poses: opt.NoPoses = False,
    anchored: Annotated[
        bool,
        typer.Option(
            '--anchored', help='The poses are in the frame of the map, whoever began their own.'
        ),
    ] = False,
    times: Annotated[
        Path | None, typer.Option(help='File that relates stamps to images (kitti, orbslam).')
    ] = None,
    register: Annotated[
        bool,
        typer.Option(
            '--register',
            help='RTAB-Map: add sessions that no link relates to the others, by the pictures.',
        ),
    ] = False,
    start: Start = '0',
    model: opt.Network = DEFAULT_MODEL,
    weights: opt.Weights = None,
    device: opt.Device = 'auto',
    keyframe_distance: Annotated[
        float | None,
        opt.number(
            'Metres between two keyframes; if not given, every image, or 0.5 of a video.',
            min=0,
            max=LARGEST_SETTING,
        ),
    ] = None,
    keyframe_angle: Annotated[
        float | None, opt.number('Degrees of a turn that make a keyframe.', min=0)
    ] = None,
    interval: Annotated[
        float | None,
        opt.number('Seconds between two keyframes; 1 of a video with --no-poses.', min=0),
    ] = None,
    session_name: opt.SessionName = None,
    camera: Annotated[str, typer.Option(help='Name of the camera.')] = '',
    mount: opt.Mount = '',
    thumbnails: opt.Thumbnails = THUMBNAIL_SIZE,
    as_json: opt.AsJson = False,
) -> None:
    """Add the images of a folder to a map as one session; the map is made if it is not there."""
    from vpr_ros.describe import Describer
    from vpr_ros.geometry.mounts import parse_mount
    from vpr_ros.mapping import KeyframeConfig
    from vpr_ros.mapping.image_import import import_images

    of_poses = 'anchored', 'keyframe_distance', 'keyframe_angle', 'mount', 'register'
    opt.refuse_idle(context, 'with --no-poses', *of_poses, when=no_poses)
    opt.refuse_idle(context, f'with --format {form}', 'register', when=form != _RTABMAP)
    sensor, left_out = parse_mount(mount), Counter[str]()
    with progress_bar(f'reading {folder.name}') as progress:
        if form is None or (form == _VIDEO and no_poses):
            sightings = _without_format(context, folder, interval, no_poses=no_poses)
        else:
            kind = _usable(context, form, poses)
            sightings = kind.read(folder, poses, times, progress, left_out, start_stamp(start))
    if no_poses:
        sightings = [image.without_pose() for image in sightings]
    keyframes = None
    if not (keyframe_distance is keyframe_angle is interval is None):
        turn = math.radians(keyframe_angle or 0.0)
        keyframes = KeyframeConfig.chosen(keyframe_distance or 0.0, turn, interval or 0.0)
    elif form == _VIDEO and not no_poses:
        keyframes = KeyframeConfig()
    describer = Describer(model, device=device, weights=weights)

    def imported(
        place_map: MapWriter, images: Sequence[PosedImage], left: Counter[str], *, anchored: bool
    ) -> int:
        with progress_bar(f'importing {folder.name}') as progress:
            return import_images(
                place_map,
                images,
                describer,
                keyframes,
                session=_name(folder) if session_name is None else session_name,
                camera=camera,
                mount=sensor,
                thumbnails=thumbnails,
                left_out=left,
                anchored=anchored,
                progress=progress,
            )

    adrift = [image for image in sightings if register and image.adrift is not None]
    related = [image for image in sightings if not register or image.adrift is None]
    with adding_to(path, describer.model_info, _WAYS) as place_map:
        added = imported(place_map, related, left_out, anchored=anchored)
        total = len(place_map)
        if not (added or adrift):
            why = ''.join(f'; {count}: {reason}' for reason, count in left_out.items())
            msg = f'no place was added of the {len(sightings)} images of {folder}{why}'
            raise MapError(msg)
    for session in dict.fromkeys(image.session for image in adrift):
        images = [image.in_own_frame() for image in adrift if image.session == session]
        left = Counter[str]()
        mapped = partial(imported, images=images, left=left, anchored=False)
        try:
            registered = map_register.mapped_apart(path, describer.model_info, mapped)
        except MapFrameError as error:
            left = Counter({f'session {session}: {error}': len(images)})
            _log.warning('%d images left out: session %s: %s', len(images), session, error)
        else:
            added, total = added + registered, total + registered
        left_out.update(left)
    answer = {'images': len(sightings), 'added': added, 'places': total, 'left_out': left_out}
    say(
        as_json,
        answer,
        f'{path}: {counted(added, "place")} added of {counted(len(sightings), "image")}, '
        f'{total} now',
    )


def _name(source: Path) -> str:
    """Return the name of a session: that of the folder, or of the file less its suffix."""
    whole = Path(os.path.realpath(source))
    return whole.stem if whole.is_file() else whole.name


def _usable(context: typer.Context, form: str, poses: Path | None) -> FolderFormat:
    """Return a format, once the options fit it."""
    kind = FOLDER_FORMATS[form]
    opt.refuse_idle(context, f'with --format {form}', 'poses', when=not kind.needs_poses)
    opt.refuse_idle(context, f'with --format {form}', 'times', when=not kind.takes_times)
    opt.refuse_idle(context, f'with --format {form}', 'start', when=not kind.takes_start)
    if kind.needs_poses and poses is None:
        msg = f'--format {form} needs --poses'
        raise typer.BadParameter(msg)
    return kind


def _without_format(
    context: typer.Context, folder: Path, interval: float | None, *, no_poses: bool
) -> list[PosedImage]:
    """Return the images of a folder or video that says nothing of their poses."""
    if not no_poses:
        msg = '--format says where the poses come from; --no-poses makes a map without poses'
        raise typer.BadParameter(msg)
    from vpr_ros.inputs.frames import is_video

    opt.refuse_idle(context, 'without poses', 'poses', 'times', 'start')
    if is_video(folder):
        return video_images(folder, _VIDEO_INTERVAL if interval is None else interval)
    return images_in_order(folder)


@contextmanager
def _whole(path: Path) -> Iterator[IO[str]]:
    """Open a file that appears when it is complete, or standard output for -."""
    if path == Path('-'):
        yield sys.stdout
        return
    draft = path.with_name(f'.{path.name}.{os.getpid()}')
    try:
        with draft.open('w', encoding='utf-8', newline='') as file:
            yield file
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
