# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Parameters of a node that follows a fleet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vpr_ros.nodes.parameter_fields import parameter


@dataclass(frozen=True)
class FleetParameters:
    """Parameters of the fleet's server; without one, none of them matters."""

    fleet: str = parameter(
        '',
        'Server of the fleet whose map the file of map_path follows, as libpq names it, such as'
        ' service=town; empty for none. Passwords belong into the file of PGPASSFILE.',
    )
    fleet_map: str = parameter('', 'Name of the map on the server of the fleet.')
    fleet_region: str = parameter(
        '',
        'Part of that map to follow: latitude, longitude (degrees) and radius (m), separated by'
        ' spaces; it moves with the robot. Empty for all.',
    )
    fallback: Literal['none', 'fleet'] = parameter(
        'none',
        'Who is asked where the map has no answer after the start and after relocalize: fleet asks'
        ' the whole map on the server.',
    )
    fallback_timeout: float = parameter(
        3.0,
        'Time after which an answer of the server is not waited for any more.',
        's',
        minimum=0.1,
        maximum=60.0,
    )
