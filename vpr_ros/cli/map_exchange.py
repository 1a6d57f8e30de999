# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr map export`` and ``import``."""

from __future__ import annotations

import math
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from vpr_ros.cli.map_edit import Mount, say, sessions_of
from vpr_ros.cli.options import AsJson, Device, MapPath, Network, Sessions, Weights, format_option
from vpr_ros.inputs.folders import FOLDER_FORMATS
from vpr_ros.types import DEFAULT_MODEL

if TYPE_CHECKING:
    from collections.abc import Iterator


_Output = Annotated[Path | None, typer.Option(metavar='FILE', help='- is standard output.')]
_Format = Annotated[
    str, format_option('--format', {name: form.help for name, form in FOLDER_FORMATS.items()})
]


def export(
    path: MapPath,
    *,
    tum: _Output = None,
    geojson: _Output = None,
    csv: _Output = None,
    session: Sessions = None,
    ids: Annotated[bool, typer.Option('--ids', help='TUM: ids of places for stamps.')] = False,
    as_json: AsJson = False,
) -> None:
    """Write poses as a TUM trajectory, places as GeoJSON or CSV (QGIS: lon and lat, EPSG:4326)."""
    from vpr_ros.cli.progress import progress_bar
    from vpr_ros.maps import PlaceMap
    from vpr_ros.maps.map_export import write_csv, write_geojson, write_tum

    if not (tum or geojson or csv):
        msg = 'say to what: --tum, --geojson or --csv'
        raise typer.BadParameter(msg)
    written: dict[str, int] = {}
    with PlaceMap.open(path, memory_budget=0) as place_map:
        chosen = sessions_of(place_map, session)
        with progress_bar(f'exporting {path.name}') as progress:
            if tum:
                with _whole(tum) as file:
                    written[str(tum)] = write_tum(place_map, file, chosen, ids=ids)
            if geojson:
                with _whole(geojson) as file:
                    written[str(geojson)] = write_geojson(place_map, file, chosen, progress)
            if csv:
                with _whole(csv) as file:
                    written[str(csv)] = write_csv(place_map, file, chosen, progress)
    if Path('-') not in (tum, geojson, csv):
        text = '\n'.join(f'{file}: {count} places' for file, count in written.items())
        say(as_json, {'written': written}, text)


def import_(
    path: MapPath,
    folder: Annotated[Path, typer.Argument(metavar='FOLDER', help='Images.')],
    *,
    form: _Format,
    poses: Annotated[
        Path | None,
        typer.Option(help='File of poses, where the format needs one.'),
    ] = None,
    times: Annotated[Path | None, typer.Option(help='KITTI: times.txt.')] = None,
    model: Network = DEFAULT_MODEL,
    weights: Weights = None,
    device: Device = 'auto',
    distance: Annotated[
        float | None, typer.Option(min=0, help='A place every so many metres; else every image.')
    ] = None,
    angle: Annotated[
        float | None, typer.Option(min=0, help='A place at every turn of so many degrees.')
    ] = None,
    session: Annotated[str | None, typer.Option(help="Name of the session; the folder's.")] = None,
    camera: Annotated[str, typer.Option(help='Name of the camera.')] = '',
    mount: Mount = '',
    as_json: AsJson = False,
) -> None:
    """Add the images of a folder to a map as one session; the map is made if it is not there."""
    from vpr_ros.cli.progress import progress_bar
    from vpr_ros.describe import Describer
    from vpr_ros.geometry.mounts import parse_mount
    from vpr_ros.mapping import KeyframeConfig
    from vpr_ros.mapping.folder_import import import_images
    from vpr_ros.maps import MapWriter

    sensor = parse_mount(mount)
    if FOLDER_FORMATS[form].needs_poses and poses is None:
        msg = f'--format {form} needs --poses'
        raise typer.BadParameter(msg)
    with progress_bar(f'reading {folder.name}') as progress:
        sightings = FOLDER_FORMATS[form].read(folder, poses, times, progress)
    keyframes = None
    if distance is not None or angle is not None:
        keyframes = KeyframeConfig(distance or 0.0, math.radians(angle or 0.0))
    describer = Describer(model, device=device, weights=weights)
    place_map = MapWriter.open_or_create(path, describer.model_info)
    with place_map, progress_bar(f'importing {folder.name}') as progress:
        added = import_images(
            place_map,
            sightings,
            describer,
            keyframes,
            session=folder.resolve().name if session is None else session,
            camera=camera,
            mount=sensor,
            progress=progress,
        )
        total = len(place_map)
    answer = {'images': len(sightings), 'added': added, 'places': total}
    say(as_json, answer, f'{path}: {added} places of {len(sightings)} images added, {total} now')


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
