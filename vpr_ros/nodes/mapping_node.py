# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The base of nodes that need the robot's pose with each image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpr_ros.errors import VprError
from vpr_ros.geometry.mounts import parse_mount
from vpr_ros.inputs.poses import (
    FixLimits,
    FramesWithPoses,
    PoseReading,
    PoseSource,
    TransformSource,
    TreeFrames,
)
from vpr_ros.mapping import KeyframeConfig
from vpr_ros.nodes.complaints import REPEAT
from vpr_ros.nodes.keyframe_queue import PosedFrame
from vpr_ros.nodes.node import VprNode
from vpr_ros.nodes.subscriptions import PoseInput
from vpr_ros.nodes.transform_input import TransformInput
from vpr_ros.wording import counted

if TYPE_CHECKING:
    from vpr_ros.geometry import Datum
    from vpr_ros.inputs.frames import Frame
    from vpr_ros.nodes.health import InputHealth
    from vpr_ros.nodes.parameters import MappingParameters

_WAITING_FRAMES = 16
"""Frames of one camera that may wait for poses; poses lag less in practice."""


class MappingNode(VprNode[PosedFrame]):
    """Submits each frame to the worker once its pose is known."""

    parameters: MappingParameters

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._pairs: FramesWithPoses | None = None
        self._pose_input: PoseInput | TransformInput | None = None
        self._told = 0

    def datum(self) -> Datum | None:
        """Return the origin of the ENU frame for GNSS fixes, or None to take the first fix."""
        return None

    @property
    def datum_in_use(self) -> Datum | None:
        """Origin of the ENU frame of the poses; None before the first fix or without fixes."""
        return self._pose_input.source.datum if self._pose_input is not None else None

    def keyframe_config(self) -> KeyframeConfig:
        """Return the spacing of places from the parameters."""
        return KeyframeConfig(
            distance=self.parameters.keyframe_distance,
            angle=self.parameters.keyframe_angle,
            interval=self.parameters.keyframe_interval,
        )

    def listen(self) -> None:
        """Start to listen to poses, then to images.

        Raises:
            VprError: The mount of the pose's sensor, or the source of poses, cannot be used.
        """
        kind = self.parameters.pose_source
        if kind != 'none':
            self._pose_input = self._input_of(kind)
            self._told = 0
            self._pairs = FramesWithPoses(capacity=_WAITING_FRAMES * len(self.cameras))
            self.listening.append(self._pose_input)
            self.get_logger().info(f'taking poses from {self._pose_input.topic}')
        super().listen()

    def _input_of(self, kind: str) -> PoseInput | TransformInput:
        p = self.parameters
        try:
            mount = parse_mount(p.pose_mount)
        except VprError as error:
            msg = f'pose_mount: {error}'
            raise VprError(msg) from error
        if kind == 'tf':
            source = TransformSource(TreeFrames(p.fixed_frame, p.base_frame), mount)
            return TransformInput(self, source, self._on_poses, self.fail)
        limits = FixLimits(p.fix_min_status, p.fix_max_sigma)
        return PoseInput(
            self,
            kind,
            lambda typename: PoseSource(typename, self.datum(), mount, limits),
            self._on_poses,
            self.fail,
        )

    def stop(self) -> None:
        """Stop to listen."""
        super().stop()  # which needs the datum of the poses
        self._pose_input = self._pairs = None

    def forget_poses(self) -> None:
        """Drop waiting frames and poses, and take the datum of the map in use."""
        if self._pairs is not None and self._pose_input is not None:
            self._told = 0
            self._pairs = FramesWithPoses(capacity=self._pairs.capacity)
            self._pose_input.source.restart(self.datum())

    def on_frame(self, frame: Frame) -> None:
        """Queue the frame until its pose is known; without poses, submit it."""
        if self._pairs is None:
            self.submit(frame, None)
        else:
            self._pairs.add_frame(frame)
            self._submit_ready(self._pairs)

    def inputs(self) -> list[InputHealth]:
        """Return the health of cameras and pose source."""
        return super().inputs() + ([self._pose_input.health] if self._pose_input else [])

    def tick(self) -> None:
        """Warn if images wait for poses that do not come, or have none."""
        if self._pairs is not None and len(missing := self._pairs.poseless) > self._told:
            self._told = len(missing)
            text = f'images without a pose: {missing}'
            self.get_logger().warning(text, throttle_duration_sec=REPEAT)
        if self._pairs is not None and self._pose_input is not None and self._pairs.waiting > 1:
            topic = self._pose_input.topic
            fault = self._pose_input.source.fault
            heard = counted(self.count_publishers(topic), 'publisher')
            self.get_logger().warning(
                f'{self._pairs.waiting} images wait for poses from {topic}'
                f' ({heard}){": " * bool(fault)}{fault}',
                throttle_duration_sec=REPEAT,
            )

    def report(self) -> dict[str, str]:
        """Return the counts of frames that waited for poses."""
        if self._pairs is None:
            return {}
        return {
            'images waiting for a pose': str(self._pairs.waiting),
            'images dropped while waiting for a pose': str(self._pairs.dropped),
            'images without a pose': str(self._pairs.poseless) or '0',
            'pose source': (self._pose_input and self._pose_input.source.fault) or 'gives poses',
        }

    def _on_poses(self, readings: list[PoseReading]) -> None:
        if self._pairs is not None:
            self._pairs.add_poses(readings)
            self._submit_ready(self._pairs)

    def _submit_ready(self, pairs: FramesWithPoses) -> None:
        for frame, reading in pairs.ready():
            if reading is not None:
                self.submit(frame, reading)

    def submit(self, frame: Frame, reading: PoseReading | None) -> None:
        """Hand a frame whose pose is known to the worker."""
        if self.worker is not None:
            self.worker.submit(PosedFrame(frame, reading), frame.camera)
