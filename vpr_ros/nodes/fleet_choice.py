# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whether a node has a fleet, without which nothing of a server needs to be installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vpr_ros.errors import VprError

if TYPE_CHECKING:
    from collections.abc import Callable

    from vpr_ros.fleet import FleetMap
    from vpr_ros.localize import Localizer
    from vpr_ros.maps import PlaceMap
    from vpr_ros.nodes.fleet_link import FleetLink
    from vpr_ros.nodes.localization_publisher import LocalizationPublisher
    from vpr_ros.nodes.map_follower import MapFollower
    from vpr_ros.nodes.node import VprNode
    from vpr_ros.nodes.parameters import PlaceRecognitionParameters
    from vpr_ros.search import Searcher


def fleet_link(
    node: VprNode[Any],
    parameters: PlaceRecognitionParameters,
    maps: MapFollower[PlaceMap],
    publisher: LocalizationPublisher,
    localizer: Callable[[FleetMap, Searcher], Localizer],
) -> FleetLink | None:
    """Return what follows the server of the node's parameters, None where they name none.

    The arguments are those of `FleetLink`.

    Raises:
        VprError: The parameters make no sense, or what they need is not installed.
    """
    if not parameters.fleet:
        return None
    try:
        from vpr_ros.nodes.fleet_link import FleetLink  # noqa: PLC0415
    except ModuleNotFoundError as error:
        msg = f"the parameter fleet needs {error.name}: pip install 'psycopg[binary]' pgvector"
        raise VprError(msg) from error
    return FleetLink(node, parameters, maps, publisher, localizer)
