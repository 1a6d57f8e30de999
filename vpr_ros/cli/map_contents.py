# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The contents of a map as a table, for ``vpr map info`` and the commands that add to maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpr_ros.cli.console import console, echo
from vpr_ros.stamps import format_stamp, iso_time
from vpr_ros.wording import counted

if TYPE_CHECKING:
    from vpr_ros.maps import MapInfo
    from vpr_ros.maps.place import Camera


def named(camera: Camera) -> str:
    """Return the name of a camera for people; most maps have one camera without a name."""
    return repr(camera.name) if camera.name else '(no name)'


def _placed(camera: Camera) -> str:
    if camera.mount is None:
        return named(camera)
    x, y, z = camera.mount[:3]
    return f'{named(camera)} at {x:.3f} {y:.3f} {z:.3f} m of the base'


def show(about: MapInfo) -> None:
    """Print what a map contains, and a line for each session."""
    from rich.table import Table

    table = Table(show_header=False, box=None)
    table.add_column()
    table.add_column(overflow='fold')
    trained = '' if about.model.trained else ' (untrained: its answers mean nothing)'
    size = f'{about.bytes / 2**20:.2f} MiB'
    if about.places:
        size += f', {about.bytes / about.places:.0f} bytes a place'
    whole = about.model.descriptor_dim
    shortened = f' of {whole}' if about.descriptor_dim != whole else ''
    datum, extent = 'none', 'no poses'
    if about.datum is not None:
        at = about.datum
        datum = f'{at.lat:.8f}°, {at.lon:.8f}°, {at.alt:.3f} m (WGS 84)'
    if about.bounds is not None:
        sides = (f'{high - low:.1f}' for low, high in zip(*about.bounds, strict=True))
        extent = f'{" x ".join(sides)} m'
    rows = {
        'map': f'{about.path} ({about.id})',
        'format': f'{about.format}, version {about.version}, made by {about.created_by}',
        'model': f'{about.model.name}{trained}',
        'weights': about.model.weights_id,
        'descriptors': f'{about.descriptor_dim}{shortened} elements, {about.storage}',
        'codes': f'{about.code_bits} bits, {about.coder}'
        if about.coder
        else 'none: vpr map recode',
        'places': f'{about.places} in {counted(len(about.sessions), "session")}',
        'cameras': ', '.join(map(_placed, about.cameras)) or 'none',
        'frame': about.frame_id,
        'datum': datum,
        'extent': extent,
        'size': size,
    }
    for label, value in rows.items():
        table.add_row(label, value)
    console().print(table)
    for session in about.sessions:
        title = f'session {session.id}' + f' {session.name!r}' * bool(session.name)
        started = iso_time(session.started) or f'{format_stamp(session.started)} s'
        echo(
            f'{title}: {counted(session.places, "place")}, began {started}'
            + (f', poses in the frame {session.frame!r} that began with it' * bool(session.frame))
        )
