# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Recognises places: camera images in, candidates, pose and status out."""

from __future__ import annotations

import math
import sys
import time
from typing import TYPE_CHECKING

from geometry_msgs.msg import PoseArray, PoseWithCovarianceStamped
from sensor_msgs.msg import Image

from vpr_ros.decision import Localizer, Status
from vpr_ros.errors import MapError
from vpr_ros.maps import PlaceMap
from vpr_ros.msg import LocalizerState, MapInfo, PlaceCandidateArray
from vpr_ros.nodes.conversions import (
    to_candidate_array,
    to_covariance,
    to_duration,
    to_map_info,
    to_pose,
    to_time,
)
from vpr_ros.nodes.debug_image import draw
from vpr_ros.nodes.health import SILENCE
from vpr_ros.nodes.markers import Markers
from vpr_ros.nodes.node import LATCHED, VprNode, decision_config, run
from vpr_ros.retrieval import Retriever

if TYPE_CHECKING:
    from vpr_ros.decision import Localization
    from vpr_ros.frames import Frame

_MAP_CHECK = 1.0
"""Seconds between looks for a map that is missing, or for places added to it."""


class PlaceRecognitionNode(VprNode[tuple['Frame', float]]):
    """Answers every image it has time for with one PlaceCandidateArray."""

    def __init__(self) -> None:
        super().__init__('place_recognition_node')
        self._map: PlaceMap | None = None
        self._retriever: Retriever | None = None
        self._map_fault = ''
        self._last: Localization | None = None
        self._last_accepted = 0
        lifecycle = self.create_lifecycle_publisher
        self._candidates = lifecycle(PlaceCandidateArray, '~/candidates', 10)
        self._poses = lifecycle(PoseArray, '~/candidate_poses', 10)
        self._pose = lifecycle(PoseWithCovarianceStamped, '~/pose', 10)
        self._status = lifecycle(LocalizerState, '~/status', LATCHED)
        self._map_info = lifecycle(MapInfo, '~/map_info', LATCHED)
        self._debug_image = lifecycle(Image, '~/debug_image', 1)
        self._markers = Markers(self)

    def load(self) -> None:
        """Load the network; a map that is missing or damaged is waited for."""
        self._describer = self.describer()
        self._last = None
        self._last_accepted = 0
        self._announced = -1
        self._next_map_check = 0.0
        self._check_map()

    def unload(self) -> None:
        """Close the map."""
        if self._map is not None:
            self._map.close()
        self._map = self._retriever = None
        self._map_fault = ''

    def on_frame(self, frame: Frame) -> None:
        """Hand the frame to the worker; it replaces one of the camera that still waits."""
        if self.worker is not None:
            self.worker.submit((frame, time.perf_counter()), frame.camera)

    def work(self, items: list[tuple[Frame, float]]) -> int:
        """Localise one frame of each camera and publish the answers."""
        started = time.perf_counter()
        self._check_map()
        checked = time.perf_counter()
        frames = self.readable([frame for frame, _ in items])
        decoded = time.perf_counter()
        localizer = Localizer(
            self._describer,
            self._retriever,
            decision_config(self),
            k=self.value('max_candidates'),
            candidates=self.value('candidates'),
        )
        results = localizer.localize_all(frames)
        received = {id(frame): moment for frame, moment in items}
        for frame, result in zip(frames, results, strict=True):
            localized = time.perf_counter()
            self._publish(frame, result, received[id(frame)])
            published = time.perf_counter()
            times = {
                'wait': started - received[id(frame)],
                'check map': checked - started,
                **result.timings,
                'decode': decoded - checked,
                'publish': published - localized,
                'all': published - received[id(frame)],
            }
            # What the node costs beside the network and the search that it exists for.
            times['overhead'] = times['all'] - times['describe'] - times['retrieve']
            self.times.add(times)
            if self._debug_image.get_subscription_count():
                self._publish_debug_image(frame, result)
        return len(frames)

    def tick(self) -> None:
        """Publish the state once a second, and what map is in use when that has changed."""
        self._publish_status()
        if self._map is not None:
            self._markers.show_map(self._map)
        if self._map is not None and self._map.version != self._announced:
            self._announced = self._map.version
            now = self.get_clock().now().to_msg()
            self._map_info.publish(to_map_info(self._map, now, read_only=True))

    def report(self) -> dict[str, str]:
        """Return the state of the map."""
        if self._map is None:
            return {'map': self._map_fault or 'none'}
        return {'map': f'{self.map_path()}: {len(self._map)} places'}

    def _check_map(self) -> None:
        """Open the map if it is not open yet; see the places added since."""
        now = time.monotonic()
        if now < self._next_map_check:
            return
        self._next_map_check = now + _MAP_CHECK
        if self._map is not None and self._retriever is not None:
            self._retriever.refresh()
            return
        try:
            self._map = PlaceMap.open(self.map_path(), model=self._describer.model_info)
        except MapError as error:
            if str(error) != self._map_fault:
                self.get_logger().warning(f'no map yet: {error}')
            self._map_fault = str(error)
            return
        self._map_fault = ''
        self._retriever = Retriever(self._map)
        self.get_logger().info(f'map {self.map_path()}: {len(self._map)} places')

    def _publish(self, frame: Frame, result: Localization, received: float) -> None:
        message = to_candidate_array(result, self._describer.model_info, self._map)
        message.camera = frame.camera
        message.camera_frame_id = frame.frame_id
        if self._map_fault:
            message.reason = self._map_fault
        message.latency = to_duration(time.perf_counter() - received)
        self._candidates.publish(message)
        poses = PoseArray(header=message.header)
        poses.poses = [to_pose(hit.place.pose) for hit in result.hits if hit.place.pose]
        self._poses.publish(poses)
        decision = result.decision
        self._markers.show_answer(message.header, result.hits, decision)
        if decision.pose is not None and decision.covariance is not None:
            pose = PoseWithCovarianceStamped(header=message.header)
            pose.pose.pose = to_pose(decision.pose)
            pose.pose.covariance = to_covariance(decision.covariance)
            self._pose.publish(pose)
        if decision.status == Status.ACCEPTED:
            self._last_accepted = result.stamp
        changed = self._last is None or self._last.decision.status != decision.status
        self._last = result
        if changed:
            self._publish_status()

    def _publish_debug_image(self, frame: Frame, result: Localization) -> None:
        match = None
        if self._map is not None and result.hits:
            match = self._map.thumbnail(result.hits[0].place.id)
        pixels = draw(frame.rgb, result, match, frame.camera)
        height, width, _ = pixels.shape
        message = Image(
            height=height, width=width, encoding='rgb8', step=width * 3, data=pixels.tobytes()
        )
        message.header.stamp = to_time(result.stamp)
        self._debug_image.publish(message)

    def _publish_status(self) -> None:
        worker, last = self.worker, self._last
        message = LocalizerState(
            confidence=math.nan,
            last_accepted=to_time(self._last_accepted),
            frames_refused=self.refused,
        )
        message.header.stamp = self.get_clock().now().to_msg()
        message.header.frame_id = self._map.frame_id if self._map else ''
        if worker is not None:
            message.frames_received = self.received
            message.frames_processed = worker.processed
            message.frames_dropped = worker.dropped
        if last is None or self.silent > SILENCE:
            message.state = LocalizerState.UNKNOWN
            message.reason = f'no image for {self.silent:.0f} s' if last else 'no image yet'
        elif last.decision.status == Status.ACCEPTED:
            message.state = LocalizerState.INITIALIZED
            message.reason = last.decision.reason
        else:
            message.state = LocalizerState.UNINITIALIZED
            message.reason = self._map_fault or last.decision.reason
        self._status.publish(message)


def main() -> int:
    """Run the node."""
    return run(PlaceRecognitionNode)


if __name__ == '__main__':
    sys.exit(main())
