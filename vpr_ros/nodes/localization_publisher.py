# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Publishes the localisation of each image, and the state that follows from it."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from geometry_msgs.msg import PoseArray, PoseWithCovarianceStamped
from sensor_msgs.msg import Image

from vpr_ros.localize import Status
from vpr_ros.msg import LocalizerState, PlaceCandidateArray
from vpr_ros.nodes.conversions import (
    to_candidate_array,
    to_covariance,
    to_duration,
    to_pose,
    to_time,
)
from vpr_ros.nodes.debug_image import draw
from vpr_ros.nodes.health import SILENCE
from vpr_ros.nodes.map_follower import LATCHED
from vpr_ros.nodes.markers import Markers

if TYPE_CHECKING:
    from vpr_ros.inputs.frames import Frame
    from vpr_ros.localize import Localization
    from vpr_ros.maps import PlaceMap
    from vpr_ros.nodes.map_follower import MapFollower
    from vpr_ros.nodes.node import VprNode
    from vpr_ros.types import ModelInfo

_HALF_LIFE = 10.0
"""Seconds in which the confidence of the last accepted place halves while none is accepted."""


class LocalizationPublisher:
    """Publishes candidates, poses, markers, debug images and the state of the node."""

    def __init__(self, node: VprNode[Any], maps: MapFollower[PlaceMap]) -> None:
        self._node = node
        self._maps = maps
        lifecycle = node.create_lifecycle_publisher
        self._candidates = lifecycle(PlaceCandidateArray, '~/candidates', 10)
        self._poses = lifecycle(PoseArray, '~/candidate_poses', 10)
        self._pose = lifecycle(PoseWithCovarianceStamped, '~/pose', 10)
        # Nav2 and slam_toolbox subscribe to this topic.
        self._initial_pose = lifecycle(PoseWithCovarianceStamped, 'initialpose', 10)
        self._status = lifecycle(LocalizerState, '~/status', LATCHED)
        self._debug_image = lifecycle(Image, '~/debug_image', 1)
        self._markers = Markers(node)
        self.reset()

    def reset(self) -> None:
        """Forget everything published before."""
        self._last_accepted = 0
        self._confidence = math.nan
        self._sure_at = 0.0
        self.forget()
        self.start_again()

    def forget(self) -> None:
        """Forget the last image, so that the state is unknown."""
        self._last: Localization | None = None

    def start_again(self) -> None:
        """Let ``initial_pose: once`` publish once more."""
        self._started = False

    def publish(
        self,
        frame: Frame,
        result: Localization,
        model: ModelInfo,
        received: float,
        initial_pose: str,
    ) -> None:
        """Publish the result for a frame that was received at a time of ``perf_counter``."""
        message = to_candidate_array(result, model, self._maps.map)
        message.camera = frame.camera
        message.camera_frame_id = frame.frame_id
        if self._maps.map is None:
            message.reason = self._maps.fault
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
        self._markers.show_answer(message.header, result.candidates, decision)
        if decision.pose is not None and decision.covariance is not None:
            pose = PoseWithCovarianceStamped(header=message.header)
            pose.pose.pose = to_pose(decision.pose)
            pose.pose.covariance = to_covariance(decision.covariance)
            self._pose.publish(pose)
            # A localisation that is started later must not miss the only message.
            subscribed = self._initial_pose.get_subscription_count() > 0
            if initial_pose == 'always' or (
                initial_pose == 'once' and subscribed and not self._started
            ):
                self._initial_pose.publish(pose)
                self._started = True
        if decision.status == Status.ACCEPTED:
            self._last_accepted = result.stamp
            known = result.candidates.probabilities
            self._confidence = math.nan if known is None else float(known[0])
            self._sure_at = time.monotonic()
        changed = self._last is None or self._last.decision.status != decision.status
        self._last = result
        if changed:
            self.publish_state()

    def publish_debug_image(self, frame: Frame, result: Localization) -> None:
        """Publish the query beside the best candidate, if somebody looks."""
        if not self._debug_image.get_subscription_count():
            return
        match = None
        if self._maps.map is not None and len(result.candidates):
            match = self._maps.map.thumbnail(int(result.candidates.ids[0]))
        pixels = draw(frame.rgb, result, match, frame.camera)
        height, width, _ = pixels.shape
        message = Image(
            height=height, width=width, encoding='rgb8', step=width * 3, data=pixels.tobytes()
        )
        message.header.stamp = to_time(result.stamp)
        self._debug_image.publish(message)

    def tick(self) -> None:
        """Publish the state, and the places of the map if somebody looks."""
        self.publish_state()
        if self._maps.map is not None:
            self._markers.show_map(self._maps.map)

    def publish_state(self) -> None:
        """Publish whether the place is known, and the counters of the node."""
        node, last, place_map = self._node, self._last, self._maps.map
        message = LocalizerState(
            confidence=self._confidence * 0.5 ** ((time.monotonic() - self._sure_at) / _HALF_LIFE),
            last_accepted=to_time(self._last_accepted),
            frames_refused=node.refused,
        )
        message.header.stamp = node.get_clock().now().to_msg()
        message.header.frame_id = place_map.frame_id if place_map else ''
        if (worker := node.worker) is not None:
            message.frames_received = node.received
            message.frames_processed = worker.processed
            message.frames_dropped = worker.dropped
        fault = self._maps.fault
        if fault and place_map is None:
            fault = f'{Status.NO_MAP.name}: {fault}'
        if last is None or node.silent > SILENCE:
            message.state = LocalizerState.UNKNOWN
            silence = f'no image for {node.silent:.0f} s' if last else 'no image yet'
            why = node.input_fault()
            if (node.received and not last and why) or why.startswith(silence):
                silence = why
            reasons = [fault, silence, why if why != silence else '']
        else:
            status, why = last.decision.status, last.decision.reason
            known = status == Status.ACCEPTED
            message.state = LocalizerState.INITIALIZED if known else LocalizerState.UNINITIALIZED
            without = status == Status.NO_MAP and fault
            reasons = ['' if without else f'{status.name}: {why}', '' if known else fault]
        message.reason = '; '.join(reason for reason in reasons if reason)
        self._status.publish(message)
