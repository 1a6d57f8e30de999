# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Services: every request is answered with a result."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeVar

from geometry_msgs.msg import PoseWithCovariance
from sensor_msgs.msg import CompressedImage

from vpr_ros.errors import (
    ImageError,
    MapAccessError,
    MapDamagedError,
    MapExistsError,
    MapFrameError,
    MapInUseError,
    MapMissingError,
    MapModelError,
    MapNewerError,
    MapSpaceError,
    MessageError,
    VprError,
)
from vpr_ros.maps import MapWriter, PlaceMap, copy
from vpr_ros.msg import MapInfo
from vpr_ros.nodes.conversions import to_covariance, to_map_info, to_pose, to_time
from vpr_ros.srv import GetPlace, SaveMap

if TYPE_CHECKING:
    from collections.abc import Callable

    from vpr_ros.maps import MapFolder
    from vpr_ros.nodes.node import VprNode

AnyMap = TypeVar('AnyMap', bound=PlaceMap)

_RESULTS: dict[type[VprError], str] = {
    ImageError: 'BAD_IMAGE',
    MessageError: 'BAD_IMAGE',
    MapAccessError: 'NOT_ALLOWED',
    MapDamagedError: 'DAMAGED',
    MapExistsError: 'EXISTS',
    MapFrameError: 'FRAME_MISMATCH',
    MapInUseError: 'IN_USE',
    MapMissingError: 'NOT_FOUND',
    MapModelError: 'MODEL_MISMATCH',
    MapNewerError: 'NEWER_FORMAT',
    MapSpaceError: 'NO_SPACE',
}


class RefusedError(VprError):
    """A request that the node cannot fulfil in its present state.

    Args:
        message: What is wrong and what to do.
        result: The constant of the response, without RESULT_.
    """

    def __init__(self, message: str, result: str) -> None:
        super().__init__(message)
        self.result = result


def serve(
    node: VprNode[Any],
    service: Any,
    name: str,
    answer: Callable[[Any, Any], None],
    first: Callable[[Any], None] = lambda _request: None,
) -> None:
    """Offer a service whose requests are answered in the thread of the node's jobs.

    Args:
        node: Owner of the service.
        service: Its type.
        name: As in ``~/name``.
        answer: Fills the response, or raises.
        first: Called with the request at once, in the executor thread.
    """

    async def callback(request: Any, response: Any) -> Any:
        if hasattr(response, 'success'):
            response.success = True
        try:
            first(request)
            await node.jobs.submit(lambda: answer(request, response))
        except Exception as error:  # noqa: BLE001  the client must get an answer, always
            node.get_logger().warning(f'{name}: {error}')
            if not isinstance(error, VprError):
                node.fail(error)
            _refuse(response, error)
        return response

    node.create_service(service, f'~/{name}', callback)


def _refuse(response: Any, error: Exception) -> None:
    response.message = str(error) or type(error).__name__
    if hasattr(response, 'success'):
        response.success = False
        return
    known = (name for kind, name in _RESULTS.items() if isinstance(error, kind))
    name = error.result if isinstance(error, RefusedError) else next(known, 'FAILED')
    response.result = getattr(type(response), f'RESULT_{name}', type(response).RESULT_FAILED)


def required(place_map: AnyMap | None) -> AnyMap:
    """Return a node's map.

    Raises:
        RefusedError: There is none.
    """
    if place_map is None:
        msg = 'the node has no map: load one (load_map), or see ~/status for the reason'
        raise RefusedError(msg, 'NO_MAP')
    return place_map


def map_info(node: VprNode[Any], place_map: PlaceMap | None) -> MapInfo:
    """Describe the map of a node; all fields are empty if there is none."""
    if place_map is None:
        return MapInfo()
    now = node.get_clock().now().to_msg()
    return to_map_info(place_map, now, read_only=not isinstance(place_map, MapWriter))


def serve_map(
    node: VprNode[Any], folder: MapFolder, place_map: Callable[[], PlaceMap | None]
) -> None:
    """Offer the services of every node with a map: save_map and get_place.

    Args:
        node: Owner of the services.
        folder: Where copies may be written.
        place_map: Returns the map in use.
    """

    def save(request: Any, response: Any) -> None:
        source = required(place_map())
        response.info = map_info(node, source)
        copy(source.path, folder.path_of(request.map_url), overwrite=request.overwrite)

    def get_place(request: Any, response: Any) -> None:
        found = required(place_map())
        snapshot = found.snapshot
        if request.place_id not in snapshot.columns.ids:
            msg = f'the map has no place {request.place_id}'
            raise RefusedError(msg, 'NOT_FOUND')
        (place,) = snapshot.places([request.place_id])
        response.header.stamp = to_time(place.stamp)
        response.header.frame_id = found.frame_id
        response.session_id, response.camera = place.session, place.camera
        pose = PoseWithCovariance(covariance=to_covariance(place.covariance))
        if place.pose is not None:
            pose.pose = to_pose(place.pose)
        response.pose = pose
        geo = place.geo
        response.latitude, response.longitude, response.altitude = (
            (geo.lat, geo.lon, geo.alt) if geo else (math.nan,) * 3
        )
        if jpeg := found.thumbnail(place.id):
            response.thumbnail = CompressedImage(header=response.header, format='jpeg', data=jpeg)

    serve(node, SaveMap, 'save_map', save)
    serve(node, GetPlace, 'get_place', get_place)
