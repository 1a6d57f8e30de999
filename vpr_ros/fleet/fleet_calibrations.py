# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Calibrations of a map's model on the server, so that all robots judge alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpr_ros.errors import FleetError
from vpr_ros.localize import Calibration
from vpr_ros.maps.snapshot import require_same_model

if TYPE_CHECKING:
    from pathlib import Path

    from vpr_ros.fleet.fleet_map import FleetMap


def push_calibration(fleet: FleetMap, path: Path) -> None:
    """Bring a calibration to the server, under the name of its file, or replace it there.

    Raises:
        CalibrationError: It is none.
        MapModelError: It is of another model than the map.
        FleetError: It belongs to another role.
    """
    require_same_model(fleet.rules.meta.model, Calibration.load(path).model)
    fleet.connection.execute(
        'INSERT INTO calibrations (map, name, data) VALUES (%s, %s, %b) '
        'ON CONFLICT (map, name) DO UPDATE SET data = excluded.data',
        [fleet.ids[0], path.name, path.read_bytes()],
    )


def pull_calibration(fleet: FleetMap, path: Path) -> None:
    """Write the calibration that has a file's name on the server to that file, byte by byte.

    Raises:
        FleetError: There is none of that name, or the file cannot be written.
        CalibrationError: What the server has is none; then the file stays as it was.
    """
    with fleet.connection.cursor(binary=True) as cursor:
        rows = cursor.execute(
            'SELECT name, data FROM calibrations WHERE map = ANY (%s) ORDER BY map', [fleet.ids]
        ).fetchall()
    found: dict[str, bytes] = dict(reversed(rows))
    if path.name not in found:
        there = ', '.join(sorted(found)) or 'none'
        msg = f'map {fleet.name!r} has no calibration {path.name}; it has {there}'
        raise FleetError(msg)
    draft = path.with_name(f'{path.name}-new')
    try:
        draft.write_bytes(found[path.name])
        Calibration.load(draft)
        draft.replace(path)
    except OSError as error:
        msg = f'{path} cannot be written: {error.strerror}'
        raise FleetError(msg) from error
    finally:
        draft.unlink(missing_ok=True)
