# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Builds a map: camera images and poses in, places in the map's file out."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from vpr_ros.mapping import MapBuilder
from vpr_ros.maps import PlaceMap
from vpr_ros.msg import MapInfo
from vpr_ros.nodes.conversions import to_map_info
from vpr_ros.nodes.mapping_node import MappingNode, PosedFrame
from vpr_ros.nodes.node import LATCHED, run

if TYPE_CHECKING:
    from vpr_ros.maps import Datum


class MapBuilderNode(MappingNode):
    """Adds keyframes to the map, each durable before the next is looked at."""

    def __init__(self) -> None:
        super().__init__('map_builder_node')
        self._map: PlaceMap | None = None
        self._builder: MapBuilder | None = None
        self._announced = -1
        self._map_info = self.create_lifecycle_publisher(MapInfo, '~/map_info', LATCHED)

    def load(self) -> None:
        """Load the network and open the map for writing, or create it."""
        describer = self.describer()
        path = self.map_path()
        if path.exists():
            self._map = PlaceMap.open(path, writable=True, model=describer.model_info)
            self.get_logger().info(f'adding to {path}: {len(self._map)} places')
        else:
            self._map = PlaceMap.create(
                path, model=describer.model_info, frame_id=self.value('map_frame')
            )
            self.get_logger().info(f'new map {path}')
        self._builder = MapBuilder(
            self._map,
            describer,
            self.keyframe_config(),
            session=self.value('session_name'),
        )
        self._announced = -1

    def datum(self) -> Datum | None:
        """Return the map's datum, so that a new session's fixes agree with the old ones'."""
        return self._map.datum if self._map is not None else None

    def unload(self) -> None:
        """Code the places where the model makes no codes, and close the map."""
        if self._map is not None:
            if self._builder is not None:
                self._builder.finish()
            self._map.close()
            self.get_logger().info('map closed')
        self._map = self._builder = None

    def work(self, items: list[PosedFrame]) -> int:
        """Add as places the frames that are due, described in one batch."""
        builder = self._builder
        if builder is None or self._map is None:
            return 0
        builder.set_datum(self.datum_in_use)
        due = {id(frame): reading for frame, reading in items if builder.due(frame, reading)}
        started = time.perf_counter()
        frames = self.readable([frame for frame, _ in items if id(frame) in due])
        decoded = time.perf_counter()
        descriptions = self.describer().describe([frame.rgb for frame in frames])
        described = time.perf_counter()
        for frame, description in zip(frames, descriptions, strict=True):
            builder.add(frame, due[id(frame)], description)
        if frames:
            self.times.add(
                {
                    'decode': decoded - started,
                    'describe': described - decoded,
                    'write': time.perf_counter() - described,
                }
            )
        return len(items) - len(due) + len(frames)

    def tick(self) -> None:
        """Announce the map's growth once a second."""
        super().tick()
        if self._map is not None and self._map.version != self._announced:
            self._announced = self._map.version
            now = self.get_clock().now().to_msg()
            self._map_info.publish(to_map_info(self._map, now, read_only=False))

    def report(self) -> dict[str, str]:
        """Return the size of the map beside what all mapping nodes report."""
        places = str(len(self._map)) if self._map is not None else ''
        return {**super().report(), 'places': places}


def main() -> int:
    """Run the node."""
    return run(MapBuilderNode)


if __name__ == '__main__':
    sys.exit(main())
