# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Localises camera images in a map and publishes candidates, pose and status."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from rclpy.serialization import serialize_message
from std_srvs.srv import Trigger

from vpr_ros.errors import MapDamagedError, MapError, MapInUseError, VprError
from vpr_ros.inputs.frames import Frame
from vpr_ros.inputs.poses import PoseBuffer, PoseSource
from vpr_ros.localize import (
    Localizer,
    Verifier,
    calibration_for,
    detector_of,
    make_filter,
    require_thumbnails,
)
from vpr_ros.maps import PlaceMap
from vpr_ros.nodes.complaints import REPEAT
from vpr_ros.nodes.conversions import to_candidate_array, to_duration
from vpr_ros.nodes.fix_gate import FixGate
from vpr_ros.nodes.fleet_choice import fleet_link
from vpr_ros.nodes.localization_publisher import LocalizationPublisher
from vpr_ros.nodes.map_follower import MapFollower
from vpr_ros.nodes.node import VprNode
from vpr_ros.nodes.running import run
from vpr_ros.nodes.services import RefusedError, serve
from vpr_ros.nodes.subscriptions import PoseInput
from vpr_ros.nodes.transform_output import TransformOutput
from vpr_ros.search import Retriever
from vpr_ros.srv import QueryPlace

if TYPE_CHECKING:
    from typing import Any

    from vpr_ros.fleet import FleetMap
    from vpr_ros.geometry import Pose
    from vpr_ros.geometry.pinhole import Pinhole
    from vpr_ros.inputs.poses import PoseReading
    from vpr_ros.localize import Calibration, Localization, SequenceFilter
    from vpr_ros.nodes.fleet_link import FleetLink
    from vpr_ros.nodes.parameters import PlaceRecognitionParameters
    from vpr_ros.search import Searcher

_REFRESH = 1.0
"""Seconds between checks for places added to the map."""
_ODOMETRY_LAG = 2 * 10**8
"""Largest age of the newest odometry that is taken for an image, nanoseconds."""


class PlaceRecognitionNode(VprNode[tuple['Frame', float]]):
    """Answers each processed image with one PlaceCandidateArray."""

    parameters: PlaceRecognitionParameters

    def __init__(self) -> None:
        super().__init__('place_recognition_node')
        self._maps: MapFollower[PlaceMap] = MapFollower(
            self,
            lambda: self.parameters,
            lambda path: PlaceMap.open(path, model=self._describer.model_info),
            self._search_in,
        )
        self._publisher = LocalizationPublisher(self, self._maps)
        self._retriever: Retriever | None = None
        self._localizer: Localizer | None = None
        self._settings: PlaceRecognitionParameters | None = None
        self._calibration: Calibration | None = None
        self._temporal: SequenceFilter | None = None
        self._verifier: Verifier | None = None
        self._camera: Pinhole | None = None
        self._odometry = PoseBuffer()
        self._newest_odometry: PoseReading | None = None
        self._transforms: TransformOutput | None = None
        self._fixes: FixGate | None = None
        self._stopped = 0
        self._next_refresh = 0.0
        self._fleet: FleetLink | None = None
        serve(self, Trigger, 'relocalize', self._relocalize)
        serve(self, QueryPlace, 'query', self._query)

    def load(self) -> None:
        """Load the network; if the map is missing or damaged, wait for it."""
        self._describer = self.describer()
        self._publisher.reset()
        model = self._describer.model_info
        self._calibration = calibration_for(model, self.parameters.calibration)
        if self._calibration is None and self.parameters.temporal != 'none':
            msg = (
                f'a temporal filter needs a calibration, and there is none of {model.name}: make '
                'one with `vpr calibrate` and name it in the parameter calibration, or set '
                'temporal to none'
            )
            raise VprError(msg)
        self._camera = None
        self._maps.follow()
        tasks = self._publisher, self._fleet_localizer
        self._fleet = fleet_link(self, self.parameters, self._maps, *tasks)

    def unload(self) -> None:
        """Close the map, and follow the fleet no more."""
        if self._fleet is not None:
            self._fleet.stop()
        self._maps.use(None)

    def listen(self) -> None:
        """Start to listen to odometry, intrinsics and fixes where needed, then to images.

        Raises:
            VprError: tf is to be published, and its messages are not installed.
        """
        self._odometry, self._newest_odometry = PoseBuffer(), None
        parameters, place_map = self.parameters, self._maps.map
        follows = parameters.use_odometry and parameters.temporal != 'none'
        if parameters.publish_tf != 'none':
            self._transforms = TransformOutput(self, smooth=parameters.publish_tf == 'smooth')
        if follows or self._transforms is not None:
            odometry = PoseInput(self, 'odometry', PoseSource, self._on_odometry, self.fail)
            self.listening.append(odometry)
            self.get_logger().info(f'following the motion on {odometry.topic}')
        # Each camera would need its own.
        if parameters.verify != 'none' and len(self.cameras) == 1:
            self.listen_to_intrinsics(self._on_intrinsics)
        self._fixes = FixGate(self, parameters.fix_gate, place_map.datum if place_map else None)
        super().listen()

    def stop(self) -> None:
        """Stop to listen, and to publish transforms."""
        super().stop()
        if self._transforms is not None:
            self._transforms.destroy()
            self._transforms = None

    def on_frame(self, frame: Frame) -> None:
        """Submit the frame to the worker; it replaces a waiting one of the same camera."""
        if self.worker is not None:
            self.worker.submit((frame, time.perf_counter()), frame.camera)

    def work(self, items: list[tuple[Frame, float]]) -> int:
        """Localise one frame of each camera and publish the answers."""
        # The map must not be replaced between the search and the answer that names it.
        with self._maps.lock:
            return self._answer(items)

    def _answer(self, items: list[tuple[Frame, float]]) -> int:
        started = time.perf_counter()
        self._refresh_map()
        checked = time.perf_counter()
        frames = self.readable([frame for frame, _ in items])
        decoded = time.perf_counter()
        parameters = self.parameters
        results = self._localizer_of(parameters).localize_all(
            frames,
            odometry=[self._motion_at(frame.stamp) for frame in frames],
            mounts=self.mounts,
            prior=self._fixes.prior(frames[0].stamp) if frames and self._fixes else None,
            k=parameters.max_candidates,
        )
        model = self._describer.model_info
        received = {id(frame): moment for frame, moment in items}
        for frame, result in zip(frames, results, strict=True):
            arrived = received[id(frame)]
            localized = time.perf_counter()
            if self._fixes is not None:
                self._fixes.note(result)
            self._stopped += result.stopped
            self._publisher.publish(frame, result, model, arrived, parameters.initial_pose)
            self._correct_transform(result)
            if self._fleet is not None:
                self._fleet.seen(frame, result)
            published = time.perf_counter()
            times = {
                'wait': started - arrived,
                'check map': checked - started,
                **result.timings,
                'decode': decoded - checked,
                'publish': published - localized,
                'all': published - arrived,
            }
            # The cost of the node beside network and search.
            parts = sum(times.values()) - times['all']
            times['rest'] = times['all'] - parts
            times['overhead'] = times['all'] - times['describe'] - times['retrieve']
            self.times.add(times)
            self._publisher.publish_debug_image(frame, result)
        return len(frames)

    def tick(self) -> None:
        """Publish the state, and follow the map."""
        self._publisher.tick()
        self._maps.keep_up()

    def faults(self) -> list[str]:
        """Return also what is wrong with the map."""
        return [*self._maps.faults(), *super().faults()]

    def report(self) -> dict[str, str]:
        """Return the state of the map and of the fixes."""
        place_map, fleet = self._maps.map, self._fleet.report() if self._fleet else {}
        if place_map is None:
            return {'map': self._maps.fault or 'none', **fleet}
        fault = f' ({self._maps.fault})' if self._maps.fault else ''
        compared = {}
        if self._verifier is not None:
            compared['re-ranked by'] = self._verifier.rule.detector
            compared['re-rankings out of time'] = str(self._stopped)
        return {
            'map': f'{place_map.path}: {len(place_map)} places{fault}',
            **compared,
            **(self._fixes.report() if self._fixes else {}),
            **fleet,
        }

    def _localizer_of(self, parameters: PlaceRecognitionParameters) -> Localizer:
        """Return the localizer of the map in use and these parameters; needs the map's lock."""
        if self._localizer is None or parameters is not self._settings:
            self._settings = parameters
            self._localizer = self._localizer_with(
                self._retriever, self._verifier, temporal=self._temporal
            )
        return self._localizer

    def _localizer_with(
        self, searcher: Searcher | None, verifier: Verifier | None, **options: Any
    ) -> Localizer:
        return Localizer(
            self._describer,
            searcher,
            self.parameters.decision_config(),
            candidates=self.parameters.candidates,
            calibration=self._calibration,
            verifier=verifier,
            reranking=self.parameters.reranking(),
            **options,
        )

    def _on_odometry(self, readings: list[PoseReading]) -> None:
        for reading in readings:
            self._odometry.add(reading)
            self._newest_odometry = reading

    def _odometry_at(self, stamp: int) -> PoseReading | None:
        """Return the odometry at a stamp; the newest one if it is late by a little."""
        reading, newest = self._odometry.at(stamp), self._newest_odometry
        if reading is None and newest is not None and 0 <= stamp - newest.stamp <= _ODOMETRY_LAG:
            reading = newest
        return reading

    def _motion_at(self, stamp: int) -> Pose | None:
        """Return the odometry that the temporal filter is told."""
        reading = self._odometry_at(stamp) if self.parameters.use_odometry else None
        return None if reading is None else reading.pose

    def _correct_transform(self, result: Localization) -> None:
        """Correct map → odom by an accepted pose."""
        odometry, pose = self._odometry_at(result.stamp), result.decision.pose
        place_map = self._maps.map
        if self._transforms is None or place_map is None or odometry is None or pose is None:
            return
        self._transforms.correct(place_map.frame_id, pose, odometry)

    def _on_intrinsics(self, camera: Pinhole) -> None:
        self._camera = camera
        if self._verifier is not None:
            self._verifier.camera = camera

    # The map.

    def _search_in(self, place_map: PlaceMap | None) -> None:
        """Search this map from now on."""
        self._retriever = self._temporal = self._verifier = None
        if place_map is not None:
            self._retriever = Retriever(place_map)
            self._verifier = self._verifier_of(place_map)
            self._temporal = self._filter_of(place_map)
            self.get_logger().info(f'map {place_map.path}: {len(place_map)} places')
        self._forget()

    def _refresh_map(self) -> None:
        """Load the places that were added to the map, unless the fleet's link does."""
        now = time.monotonic()
        if self._retriever and now >= self._next_refresh and self._fleet is None:
            self._next_refresh = now + _REFRESH
            try:
                self._retriever.refresh()
            except (MapDamagedError, MapInUseError) as error:
                self.get_logger().warning(
                    f'the map stays in use as it is in memory: {error}',
                    throttle_duration_sec=REPEAT,
                )

    def _forget(self) -> None:
        """Forget earlier frames, also what they showed: one that stands may ask again."""
        self._localizer = None
        self._publisher.forget()
        if self._temporal is not None:
            self._temporal.reset()

    def _filter_of(self, place_map: PlaceMap) -> SequenceFilter | None:
        kind = self.parameters.temporal
        if kind == 'none' or self._calibration is None:
            return None
        return make_filter(
            kind,
            lambda: place_map.snapshot.columns,
            self._calibration.places,
            self.parameters.sequence_length,
            detector_of(self._verifier),
        )

    def _verifier_of(self, place_map: PlaceMap) -> Verifier | None:
        parameters = self.parameters
        if parameters.verify == 'none':
            return None
        try:
            require_thumbnails(place_map)
        except MapError as error:
            self.get_logger().info(f'nothing is verified: {error}')
            return None
        detector = self.local_detector(parameters.verify)
        if detector is None:
            return None
        least = parameters.min_inliers
        verifier = Verifier(place_map, detector, self._camera, min_inliers=least)
        verifier.learn()
        return verifier

    def _fleet_localizer(self, fleet: FleetMap, searcher: Searcher) -> Localizer:
        """Return what judges the candidates of the fleet's server."""
        detector, least = self.local_detector(self.parameters.verify), self.parameters.min_inliers
        verifier = Verifier(fleet, detector, self._camera, min_inliers=least) if detector else None
        return self._localizer_with(searcher, verifier)

    # Services.

    def _relocalize(self, _request: Any, response: Any) -> None:
        with self._maps.lock:
            self._forget()
            self._publisher.start_again()
            if self._fleet:
                self._fleet.start_again()
        response.message = 'the next image is localised without the images before'

    def _query(self, request: Any, response: Any) -> None:
        if self.worker is None:
            msg = 'the node is not active: activate it first (lifecycle)'
            raise RefusedError(msg, 'NOT_ACTIVE')
        self._maps.required()
        raw = bool(request.image.data)
        image = request.image if raw else request.compressed_image
        typename = 'sensor_msgs/msg/Image' if raw else 'sensor_msgs/msg/CompressedImage'
        frame = Frame(serialize_message(image), typename)
        started = time.perf_counter()
        with self._maps.lock:
            parameters = self.parameters
            k = request.max_candidates or parameters.max_candidates
            result = self._localizer_of(parameters).localize(frame, k=k, by_itself=True)
            answer = to_candidate_array(result, self._describer.model_info, self._maps.map)
        answer.camera_frame_id = image.header.frame_id
        answer.latency = to_duration(time.perf_counter() - started)
        response.candidates = answer


def main() -> int:
    """Run the node."""
    return run(PlaceRecognitionNode)


if __name__ == '__main__':
    sys.exit(main())
