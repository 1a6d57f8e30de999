# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Finds loop closures within one traverse, for a SLAM back end."""

from __future__ import annotations

import math
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from vpr_ros.localize import Localizer, Verifier, calibration_for
from vpr_ros.loops import Keyframe, LoopConfig, LoopDetector
from vpr_ros.mapping import MapBuilder
from vpr_ros.maps import MapWriter, Place, PlaceMap
from vpr_ros.msg import LoopClosure
from vpr_ros.nodes.conversions import to_count, to_covariance, to_pose, to_time
from vpr_ros.nodes.mapping_node import MappingNode
from vpr_ros.nodes.running import run
from vpr_ros.search import Retriever
from vpr_ros.types import THUMBNAIL_SIZE

if TYPE_CHECKING:
    from vpr_ros.geometry.pinhole import Pinhole
    from vpr_ros.inputs.frames import Frame
    from vpr_ros.inputs.poses import PoseReading
    from vpr_ros.nodes.keyframe_queue import PosedFrame
    from vpr_ros.nodes.parameters import LoopClosureParameters


class LoopClosureNode(MappingNode):
    """Maps the traverse and announces each place that the robot has seen before."""

    parameters: LoopClosureParameters

    def __init__(self) -> None:
        super().__init__('loop_closure_node')
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._map: PlaceMap | None = None
        self._detector: LoopDetector | None = None
        self._builder: MapBuilder | None = None
        self._verifier: Verifier | None = None
        self._settings: LoopClosureParameters | None = None
        self._found = 0
        self._closures = self.create_lifecycle_publisher(LoopClosure, '~/loop_closure', 10)

    def load(self) -> None:
        """Load the network and create a map that is deleted on cleanup."""
        parameters = self._settings = self.parameters
        self._describer = self.describer()
        model = self._describer.model_info
        self._folder = tempfile.TemporaryDirectory(prefix='vpr_loop_closure_')
        self._map = MapWriter.create(Path(self._folder.name) / 'traverse.vprmap', model=model)
        self._retriever = Retriever(self._map)
        self._calibration = calibration_for(model, parameters.calibration)
        detector = self.local_detector(parameters.verify)
        self._verifier = None
        if detector is not None:
            self._verifier = Verifier(self._map, detector, min_inliers=parameters.min_inliers)
        self._builder = MapBuilder(
            self._map,
            self._describer,
            self.keyframe_config(),
            session='traverse',
            thumbnails=THUMBNAIL_SIZE if detector else 0,
            frame='',  # the map holds this drive alone
        )
        self._detector = LoopDetector(
            self._map,
            self._builder,
            self._localizer_of(parameters),
            LoopConfig(
                time=parameters.exclude_time,
                distance=0.0 if parameters.pose_source == 'none' else parameters.exclude_distance,
                keyframes=parameters.exclude_keyframes,
                interval=parameters.loop_interval,
                require_transform=parameters.require_transform,
            ),
        )
        self._found = 0

    def _localizer_of(self, parameters: LoopClosureParameters) -> Localizer:
        return Localizer(
            self._describer,
            self._retriever,
            parameters.decision_config(),
            candidates=parameters.candidates,
            calibration=self._calibration,
            verifier=self._verifier,
            reranking=parameters.reranking(),
        )

    def listen(self) -> None:
        """Listen to the intrinsics, which relative poses need, then as all mapping nodes do."""
        if self._verifier is not None:
            self.listen_to_intrinsics(self._on_intrinsics)
        super().listen()

    def _on_intrinsics(self, camera: Pinhole) -> None:
        if self._verifier is not None:
            self._verifier.camera = camera

    def unload(self) -> None:
        """Forget the traverse."""
        if self._map is not None:
            self._map.close()
        if self._folder is not None:
            self._folder.cleanup()
        self._map = self._detector = self._builder = self._folder = self._verifier = None

    def work(self, items: list[PosedFrame]) -> int:
        """Add the due frames as places and announce the loops that they close."""
        return sum(self.attempt(self._offer, item.frame, item.reading) for item in items)

    def _offer(self, frame: Frame, reading: PoseReading | None) -> None:
        started = time.perf_counter()
        if self._detector is None or self._builder is None or self._map is None:
            return
        parameters = self.parameters
        if parameters is not self._settings:
            self._settings = parameters
            self._builder.set_keyframes(self.keyframe_config())
            self._detector.localizer = self._localizer_of(parameters)
        keyframe = self._detector.offer(frame, reading)
        if keyframe is None:
            return
        if keyframe.earlier is not None:
            self._found += 1
            self._closures.publish(_to_message(keyframe, keyframe.earlier, self._map))
        self.times.add({**keyframe.localization.timings, 'all': time.perf_counter() - started})

    def report(self) -> dict[str, str]:
        """Return also the numbers of places, of images left out and of loop closures."""
        places = str(len(self._map)) if self._map is not None else ''
        blank = str(self._builder.blank) if self._builder is not None else ''
        return {
            **super().report(),
            'places': places,
            'images that show nothing': blank,
            'loop closures': str(self._found),
        }


def _to_message(keyframe: Keyframe, earlier: Place, place_map: PlaceMap) -> LoopClosure:
    found = keyframe.localization
    transform, known = found.transform, found.candidates.inliers
    chances = found.candidates.probabilities
    inliers = math.nan if known is None else float(known[0])
    message = LoopClosure(
        map_id=place_map.id,
        from_id=earlier.id,
        to_id=keyframe.place_id,
        from_stamp=to_time(earlier.stamp),
        to_stamp=to_time(found.stamp),
        from_session=earlier.session,
        to_session=earlier.session,
        similarity=float(found.candidates.similarities[0]),
        score=math.nan if chances is None else float(chances[0]),
        verified=inliers >= found.least_inliers,
        num_inliers=to_count(inliers),
        trained=place_map.model.trained,
        has_transform=transform is not None,
    )
    message.header.stamp = message.to_stamp
    message.header.frame_id = place_map.frame_id
    message.transform.covariance = to_covariance(None)
    if transform is not None:
        message.transform.pose = to_pose(transform.pose)
        message.transform.covariance = to_covariance(transform.covariance)
    return message


def main() -> int:
    """Run the node."""
    return run(LoopClosureNode)


if __name__ == '__main__':
    sys.exit(main())
