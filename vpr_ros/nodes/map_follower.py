# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The map that a node uses: waited for, opened, announced, replaced and served."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from rclpy.parameter import Parameter as RosParameter
from rclpy.qos import QoSDurabilityPolicy, QoSProfile
from sensor_msgs.msg import CompressedImage

from vpr_ros.errors import MapAccessError, MapDamagedError, MapError, VprError
from vpr_ros.maps import MapFolder, MapWriter, PlaceMap, copy
from vpr_ros.msg import MapInfo
from vpr_ros.nodes.conversions import fill_place, to_map_info, to_time
from vpr_ros.nodes.services import RefusedError, serve
from vpr_ros.srv import GetPlace, LoadMap, SaveMap

if TYPE_CHECKING:
    from collections.abc import Callable

    from vpr_ros.nodes.node import VprNode
    from vpr_ros.nodes.parameters import MapParameters

LATCHED = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
"""Quality of service of topics whose last message a late subscriber gets."""

AnyMap = TypeVar('AnyMap', bound=PlaceMap)


class MapFollower(Generic[AnyMap]):
    """Uses one map at a time, by the parameter ``map_path`` and the service ``load_map``.

    Args:
        node: Owner of publisher, parameters and services.
        parameters: Returns the node's parameters in use.
        open_map: Opens the map in a file.
        changed: Called with the map now in use, None if there is none, while ``lock`` is held.
        before_loading: Raises RefusedError if the map may not be replaced now.

    Attributes:
        map: The map in use.
        lock: Held by whoever searches or writes the map in use, and while it is replaced.
        fault: Why the map of ``map_path`` is not in use; empty if it is.
        folder: Folder of the maps that a service or a changed parameter may name.
    """

    def __init__(
        self,
        node: VprNode[Any],
        parameters: Callable[[], MapParameters],
        open_map: Callable[[Path], AnyMap],
        changed: Callable[[AnyMap | None], None],
        before_loading: Callable[[], None] = lambda: None,
    ) -> None:
        self._node = node
        self._parameters = parameters
        self._open_map = open_map
        self._changed = changed
        self._before_loading = before_loading
        self._announced: tuple[str, int] | None = None
        self.map: AnyMap | None = None
        self.lock = threading.RLock()
        self.fault = ''
        self.folder = MapFolder(Path(parameters().map_folder or self.path.parent))
        node.checks['map_path'] = self._fault_of
        self._map_info = node.create_lifecycle_publisher(MapInfo, '~/map_info', LATCHED)
        serve(node, LoadMap, 'load_map', self._load_map)
        serve(node, SaveMap, 'save_map', self._save_map)
        serve(node, GetPlace, 'get_place', self._get_place)

    @property
    def path(self) -> Path:
        """File of the map that ``map_path`` names."""
        return _path_of(self._parameters().map_path)

    def faults(self) -> list[str]:
        """Return in words why there is no map, or not that of ``map_path``; empty if it is."""
        if self.map is None:
            return [f'no map: {self.fault}' if self.fault else 'no map']
        return [self.fault] if self.fault else []

    def required(self) -> AnyMap:
        """Return the map in use.

        Raises:
            RefusedError: There is none.
        """
        if self.map is None:
            msg = 'the node has no map: load one (load_map), or see ~/status for why'
            raise RefusedError(msg, 'NO_MAP')
        return self.map

    def info(self) -> MapInfo:
        """Describe the map in use for a message; all empty where there is none."""
        if self.map is None:
            return MapInfo()
        return to_map_info(self.map, self._node.get_clock().now().to_msg())

    def open(self, path: Path) -> None:
        """Open a map and use it instead of the one in use.

        Raises:
            VprError: It cannot be used; the one in use stays.
        """
        present = self.map  # Another thread may close it meanwhile.
        if present is not None and present.displaced:
            if isinstance(present, MapWriter):
                self.use(None)  # No more can be added to it, and it may hold the lock of this one.
            elif present.overwritten:
                present.let_go()
        try:
            self.use(self._open_map(path))
        except VprError:
            raise
        except Exception as error:
            msg = f'{path} cannot be used: {type(error).__name__}: {error}'
            raise MapDamagedError(msg) from error

    def use(self, place_map: AnyMap | None) -> None:
        """Use this map from now on and close the one before; None closes only.

        Raises:
            Exception: It cannot be searched, added to or announced; the one before stays in use.
        """
        with self.lock:
            old, self.map = self.map, place_map
            try:
                self.info()
                self._changed(place_map)
            except Exception:
                self.map = old
                self._changed(old)
                if place_map is not None:
                    place_map.close()
                raise
            self.fault, self._announced = '', None
        if old is not None:
            old.close()
            self._node.get_logger().info(f'closed {old.path}')

    def follow(self) -> None:
        """Open the map of ``map_path``; if that fails, keep the one in use."""
        try:
            self.open(self.path)
        except MapError as error:
            if str(error) != self.fault:
                kept = f'; {self.map.path} stays in use' if self.map else ''
                self._node.get_logger().warning(f'waiting for the map: {error}{kept}')
            self.fault = str(error)

    def keep_up(self) -> None:
        """Open the map of ``map_path`` if another or none is in use; announce the one in use."""
        if self.map is None or self.map.displaced or self.map.path != self.path:
            if self._node.jobs.idle:
                self._node.jobs.submit(lambda: self._node.attempt(self.follow))
        else:
            self.announce()

    def announce(self) -> None:
        """Publish the state of the map in use, unless it is known."""
        place_map = self.map
        if place_map is not None and (place_map.id, place_map.version) != self._announced:
            self._announced = place_map.id, place_map.version
            self._map_info.publish(self.info())

    def _fault_of(self, value: str) -> str | None:
        try:
            self.folder.path_of(str(_path_of(value).absolute()))
        except MapAccessError as error:
            return f'map_path: {error}'
        return None

    def _load_map(self, request: Any, response: Any) -> None:
        response.info = self.info()
        path = self.folder.path_of(request.map_url)
        if not self._node.configured:
            msg = 'the node is not configured: configure it first (lifecycle)'
            raise RefusedError(msg, 'NOT_CONFIGURED')
        self._before_loading()
        current = self.map
        # A map can be opened for writing only once.
        writing = isinstance(current, MapWriter) and not current.displaced
        if current is None or not writing or current.path.resolve() != path:
            self.open(path)
        self._node.set_parameters([RosParameter('map_path', value=str(path))])
        response.info = self.info()

    def _save_map(self, request: Any, response: Any) -> None:
        source = self.required()
        response.info = self.info()
        copy(source.path, self.folder.path_of(request.map_url), overwrite=request.overwrite)

    def _get_place(self, request: Any, response: Any) -> None:
        place_map = self.required()
        snapshot = place_map.snapshot
        if request.place_id not in snapshot.columns.ids:
            msg = f'the map has no place {request.place_id}'
            raise RefusedError(msg, 'NOT_FOUND')
        (place,) = snapshot.places([request.place_id])
        response.header.stamp = to_time(place.stamp)
        response.header.frame_id = place_map.frame_id
        response.session_id, response.camera = place.session, place.camera
        fill_place(response, place)
        if jpeg := place_map.thumbnail(place.id):
            response.thumbnail = CompressedImage(header=response.header, format='jpeg', data=jpeg)


def _path_of(value: str) -> Path:
    """Return the file that a value of ``map_path`` names."""
    if value:
        return Path(value).expanduser()
    home = Path(os.environ.get('ROS_HOME') or Path.home() / '.ros')
    return home / 'vpr' / 'map.vprmap'
