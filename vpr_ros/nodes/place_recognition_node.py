# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Recognises places: camera images in, candidates, pose and status out."""

from __future__ import annotations

import math
import sys
import time
from typing import TYPE_CHECKING

from geometry_msgs.msg import PoseArray, PoseWithCovarianceStamped
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger

from vpr_ros.errors import MapError, VprError
from vpr_ros.inputs.frames import Frame
from vpr_ros.inputs.poses import PoseBuffer, PoseSource
from vpr_ros.localize import (
    Localizer,
    MotionConfig,
    Prior,
    Status,
    calibration_for,
    make_filter,
    verifier_for,
)
from vpr_ros.maps import PlaceMap
from vpr_ros.msg import LocalizerState, MapInfo, PlaceCandidateArray
from vpr_ros.nodes.conversions import (
    to_candidate_array,
    to_covariance,
    to_duration,
    to_pose,
    to_time,
)
from vpr_ros.nodes.debug_image import draw
from vpr_ros.nodes.health import SILENCE
from vpr_ros.nodes.markers import Markers
from vpr_ros.nodes.node import LATCHED, VprNode, decision_config, run
from vpr_ros.nodes.services import RefusedError, map_info, required, serve, serve_map
from vpr_ros.nodes.subscriptions import PoseInput
from vpr_ros.search import Retriever
from vpr_ros.srv import LoadMap, QueryPlace
from vpr_ros.stamps import SECOND

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn

    from vpr_ros.geometry import Pose
    from vpr_ros.geometry.pinhole import Pinhole
    from vpr_ros.inputs.poses import PoseReading
    from vpr_ros.localize import Calibration, Localization, PlaceFilter, Verifier

_REFRESH = 1.0
"""Seconds between looks for places added to the map."""
_FIX_AGE = 2 * SECOND
"""Nanoseconds that a fix may be older or newer than an image and still tell where it was."""
_ODOMETRY_LAG = 2 * 10**8
"""Nanoseconds that the newest odometry may be older than an image and still be its own."""


class PlaceRecognitionNode(VprNode[tuple['Frame', float]]):
    """Answers every image it has time for with one PlaceCandidateArray."""

    def __init__(self) -> None:
        super().__init__('place_recognition_node')
        self._map: PlaceMap | None = None
        self._retriever: Retriever | None = None
        self._map_fault = ''
        self._announced: tuple[str, int] | None = None
        self._last: Localization | None = None
        self._last_accepted = 0
        self._confidence = math.nan
        self._calibration: Calibration | None = None
        self._frames: PlaceFilter | None = None
        self._verifier: Verifier | None = None
        self._camera: Pinhole | None = None
        self._odometry = PoseBuffer()
        self._newest_odometry: PoseReading | None = None
        self._fix: PoseReading | None = None
        self._fix_gate = False
        self._contradictions = 0
        lifecycle = self.create_lifecycle_publisher
        self._candidates = lifecycle(PlaceCandidateArray, '~/candidates', 10)
        self._poses = lifecycle(PoseArray, '~/candidate_poses', 10)
        self._pose = lifecycle(PoseWithCovarianceStamped, '~/pose', 10)
        # Where Nav2 and slam_toolbox listen.
        self._initial_pose = lifecycle(PoseWithCovarianceStamped, 'initialpose', 10)
        self._started = False
        self._status = lifecycle(LocalizerState, '~/status', LATCHED)
        self._map_info = lifecycle(MapInfo, '~/map_info', LATCHED)
        self._debug_image = lifecycle(Image, '~/debug_image', 1)
        self._markers = Markers(self)
        serve(self, Trigger, 'relocalize', self._relocalize)
        serve(self, QueryPlace, 'query', self._query)
        serve(self, LoadMap, 'load_map', self._load_map)
        serve_map(self, self.map_folder, lambda: self._map)

    def load(self) -> None:
        """Load the network; a map that is missing or damaged is waited for."""
        self._describer = self.describer()
        self._confidence = math.nan
        self._started = False
        self._calibration = calibration_for(self._describer.model_info, self.value('calibration'))
        if self._calibration is None and self.value('temporal') != 'none':
            msg = (
                'a filter needs to know what similarities mean, and there is no calibration of '
                f'{self._describer.model_info.name}: make one with `vpr calibrate` and name it in '
                'the parameter calibration, or set temporal to none'
            )
            raise VprError(msg)
        self._camera = None
        self._last_accepted = 0
        self._next_refresh = 0.0
        self._follow_map()

    def unload(self) -> None:
        """Close the map."""
        self._use(None)
        self._map_fault = ''

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start to listen to odometry where it is wanted, then to images."""
        self._odometry, self._newest_odometry = PoseBuffer(), None
        if self.value('use_odometry') and self.value('temporal') != 'none':
            odometry = PoseInput(self, 'odometry', PoseSource, self._on_odometry, self.fail)
            self.listening.append(odometry)
            self.get_logger().info(f'following the motion on {odometry.topic}')
        # Each camera would need its own.
        if self.value('verify') and len(self.cameras) == 1:
            self.listen_to_intrinsics(self._on_intrinsics)
        self._fix, self._contradictions = None, 0
        datum = self._map.datum if self._map else None
        self._fix_gate = self.value('fix_gate') and datum is not None
        if self._fix_gate:
            fixes = PoseInput(
                self, 'fix', lambda typename: PoseSource(typename, datum), self._on_fix, self.fail
            )
            self.listening.append(fixes)
        elif self.value('fix_gate'):
            self.get_logger().warning('fix_gate has no effect: the map has no datum')
        return super().on_activate(state)

    def on_frame(self, frame: Frame) -> None:
        """Hand the frame to the worker; it replaces one of the camera that still waits."""
        if self.worker is not None:
            self.worker.submit((frame, time.perf_counter()), frame.camera)

    def work(self, items: list[tuple[Frame, float]]) -> int:
        """Localise one frame of each camera and publish the answers."""
        # One map from the search to the answer: another must not give its name to what was found.
        with self.using_map:
            return self._answer(items)

    def _answer(self, items: list[tuple[Frame, float]]) -> int:
        started = time.perf_counter()
        self._refresh_map()
        checked = time.perf_counter()
        frames = self.readable([frame for frame, _ in items])
        decoded = time.perf_counter()
        motion = [self._odometry_at(frame.stamp) for frame in frames]
        prior = self._prior_at(frames[0].stamp) if frames else None
        results = self._localizer().localize_all(
            frames,
            odometry=motion,
            mounts=self.mounts,
            prior=prior,
            k=self.value('max_candidates'),
        )
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
            parts = sum(times.values()) - times['all']
            times['rest'] = times['all'] - parts
            times['overhead'] = times['all'] - times['describe'] - times['retrieve']
            self.times.add(times)
            if self._debug_image.get_subscription_count():
                self._publish_debug_image(frame, result)
        return len(frames)

    def tick(self) -> None:
        """Publish the state once a second, and what map is in use when that has changed."""
        self._publish_status()
        place_map = self._map
        if place_map is not None:
            self._markers.show_map(place_map)
        if place_map is None or place_map.displaced or place_map.path != self.map_path():
            if self.jobs.idle:
                self.jobs.submit(self._follow_map)
        elif (place_map.id, place_map.version) != self._announced:
            self._announced = place_map.id, place_map.version
            self._map_info.publish(map_info(self, place_map))

    def report(self) -> dict[str, str]:
        """Return the state of the map."""
        if self._map is None:
            return {'map': self._map_fault or 'none'}
        fault = f' ({self._map_fault})' if self._map_fault else ''
        fixes = {}
        if self._fix_gate:
            count = self._contradictions
            fixes['fix'] = f'contradicted by the last {count} images' if count else 'agrees'
        return {'map': f'{self._map.path}: {len(self._map)} places{fault}', **fixes}

    def _localizer(self) -> Localizer:
        return Localizer(
            self._describer,
            self._retriever,
            decision_config(self),
            candidates=self.value('candidates'),
            calibration=self._calibration,
            temporal=self._frames,
            verifier=self._verifier,
        )

    def _on_odometry(self, reading: PoseReading) -> None:
        self._odometry.add(reading)
        self._newest_odometry = reading

    def _odometry_at(self, stamp: int) -> Pose | None:
        """Return where odometry puts the base at a stamp; the newest where it has just lagged."""
        reading, newest = self._odometry.at(stamp), self._newest_odometry
        if reading is None and newest is not None and 0 <= stamp - newest.stamp <= _ODOMETRY_LAG:
            reading = newest
        return None if reading is None else reading.pose

    def _on_intrinsics(self, camera: Pinhole) -> None:
        self._camera = camera
        if self._verifier is not None:
            self._verifier.camera = camera

    def _on_fix(self, reading: PoseReading) -> None:
        self._fix = reading

    def _prior_at(self, stamp: int) -> Prior | None:
        """Return where the last fix puts the robot, None where it is too old or there is none."""
        fix = self._fix
        if fix is None or abs(stamp - fix.stamp) > _FIX_AGE:
            return None
        return Prior.around(fix.pose.position, fix.covariance, self.value('fix_gate'))

    def _note_contradiction(self, result: Localization) -> None:
        """Say so where images and fixes keep telling of different places."""
        self._contradictions = self._contradictions + 1 if result.contradicted else 0
        if result.contradicted:
            self.get_logger().warning(
                f'the last {self._contradictions} images show places further than fix_gate from'
                ' the fix: either is wrong, or the datum of the map',
                throttle_duration_sec=5.0,
            )

    def _forget(self) -> None:
        """Forget what earlier frames said of where the robot is."""
        self._last = None
        if self._frames is not None:
            self._frames.reset()

    # The map.

    def _refresh_map(self) -> None:
        """See the places added to the map since."""
        now = time.monotonic()
        if self._retriever is not None and now >= self._next_refresh:
            self._next_refresh = now + _REFRESH
            self._retriever.refresh()

    def _follow_map(self) -> None:
        """Open the map that the parameters name; without it, keep what there is."""
        path = self.map_path()
        try:
            self._open(path)
        except MapError as error:
            if str(error) != self._map_fault:
                kept = f'; {self._map.path} stays in use' if self._map else ''
                self.get_logger().warning(f'no map yet: {error}{kept}')
            self._map_fault = str(error)

    def _open(self, path: Path) -> None:
        """Open a map and then use it instead of the one in use."""
        place_map = PlaceMap.open(path, model=self._describer.model_info)
        self._use(place_map)
        self._map_fault = ''
        self.get_logger().info(f'map {path}: {len(place_map)} places')

    def _use(self, place_map: PlaceMap | None) -> None:
        with self.using_map:
            old, self._map = self._map, place_map
            self._retriever = None if place_map is None else Retriever(place_map)
            self._frames = None if place_map is None else self._filter(place_map)
            self._verifier = None if place_map is None else self._verifier_of(place_map)
            self._announced = None
            self._forget()
        if old is not None:
            old.close()

    def _filter(self, place_map: PlaceMap) -> PlaceFilter | None:
        kind = self.value('temporal')
        if kind == 'none' or self._calibration is None:
            return None
        motion = MotionConfig(window=self.value('sequence_length'))
        return make_filter(
            kind, lambda: place_map.snapshot.columns, self._calibration.places, motion
        )

    def _verifier_of(self, place_map: PlaceMap) -> Verifier | None:
        if not self.value('verify'):
            return None
        try:
            return verifier_for(place_map, self.value('min_inliers'), self._camera)
        except MapError as error:
            self.get_logger().warning(f'nothing is verified: {error}')
            return None

    # Services.

    def _relocalize(self, _request: Any, response: Any) -> None:
        with self.using_map:
            self._forget()
            self._started = False
        response.message = 'the next image is judged by itself'

    def _load_map(self, request: Any, response: Any) -> None:
        response.info = map_info(self, self._map)
        path = self.map_folder().path_of(request.map_url)
        if not self.configured:
            msg = 'the node is not configured: configure it first (lifecycle)'
            raise RefusedError(msg, 'NOT_CONFIGURED')
        self._open(path)
        self.set_map_path(path)
        response.info = map_info(self, self._map)

    def _query(self, request: Any, response: Any) -> None:
        if self.worker is None:
            msg = 'the node is not active: activate it first (lifecycle)'
            raise RefusedError(msg, 'NOT_ACTIVE')
        required(self._map)
        raw = bool(request.image.data)
        image = request.image if raw else request.compressed_image
        typename = 'sensor_msgs/msg/Image' if raw else 'sensor_msgs/msg/CompressedImage'
        frame = Frame(serialize_message(image), typename)
        started = time.perf_counter()
        with self.using_map:
            k = request.max_candidates or self.value('max_candidates')
            result = self._localizer().localize(frame, k=k, by_itself=True)
            answer = to_candidate_array(result, self._describer.model_info, self._map)
        answer.camera_frame_id = image.header.frame_id
        answer.latency = to_duration(time.perf_counter() - started)
        response.candidates = answer

    def _publish(self, frame: Frame, result: Localization, received: float) -> None:
        message = to_candidate_array(result, self._describer.model_info, self._map)
        message.camera = frame.camera
        message.camera_frame_id = frame.frame_id
        if self._map is None:
            message.reason = self._map_fault
        message.latency = to_duration(time.perf_counter() - received)
        self._candidates.publish(message)
        if self._poses.get_subscription_count():
            poses = PoseArray(header=message.header)
            poses.poses = [
                candidate.pose.pose
                for candidate, pose in zip(
                    message.candidates, result.candidates.poses, strict=True
                )
                if not math.isnan(pose[0])
            ]
            self._poses.publish(poses)
        decision = result.decision
        self._note_contradiction(result)
        self._markers.show_answer(message.header, result.candidates, decision)
        if decision.pose is not None and decision.covariance is not None:
            pose = PoseWithCovarianceStamped(header=message.header)
            pose.pose.pose = to_pose(decision.pose)
            pose.pose.covariance = to_covariance(decision.covariance)
            self._pose.publish(pose)
            self._start_localisation(pose)
        if decision.status == Status.ACCEPTED:
            self._last_accepted = result.stamp
            known = result.candidates.probabilities
            self._confidence = math.nan if known is None else float(known[0])
        changed = self._last is None or self._last.decision.status != decision.status
        self._last = result
        if changed:
            self._publish_status()

    def _start_localisation(self, pose: PoseWithCovarianceStamped) -> None:
        """Tell a localisation that needs to be told where to begin, once or time and again."""
        wanted = self.value('initial_pose')
        if wanted == 'always' or (wanted == 'once' and not self._started):
            self._initial_pose.publish(pose)
            self._started = True

    def _publish_debug_image(self, frame: Frame, result: Localization) -> None:
        match = None
        if self._map is not None and len(result.candidates):
            match = self._map.thumbnail(int(result.candidates.ids[0]))
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
            confidence=self._confidence,
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
