# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Records the answers of a live node for an evaluation."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

import numpy as np
import rclpy
from geometry_msgs.msg import PoseWithCovarianceStamped
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions

from vpr_ros.evaluation import QueryResult
from vpr_ros.geometry import Pose
from vpr_ros.localize import Status
from vpr_ros.msg import PlaceCandidateArray
from vpr_ros.search import Candidates
from vpr_ros.stamps import SECOND, from_time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from geometry_msgs.msg import Pose as RosPose
    from typing_extensions import Self


class AnswerRecorder:
    """Collects the first answer to each image while its context is open.

    Args:
        node: Name of the place_recognition_node that answers.

    Attributes:
        answers: In the order they came.
        poses: The poses that the node published on ``~/pose``, by stamp in nanoseconds.
    """

    def __init__(self, node: str) -> None:
        self.answers: list[PlaceCandidateArray] = []
        self.poses: dict[int, Pose] = {}
        self._topic, self._pose_topic = f'{node}/candidates', f'{node}/pose'
        self._changed = threading.Condition()
        self._stamps: set[int] = set()

    def __enter__(self) -> Self:
        self._context = Context()
        rclpy.init(context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self._node = rclpy.create_node('vpr_answer_recorder', context=self._context)
        self._node.create_subscription(PlaceCandidateArray, self._topic, self._note, 1000)
        self._node.create_subscription(
            PoseWithCovarianceStamped, self._pose_topic, self._note_pose, 1000
        )
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_raised: object) -> None:
        rclpy.shutdown(context=self._context)
        self._thread.join()

    def wait_for_publisher(self, alive: Callable[[], bool], timeout: float = 60.0) -> None:
        """Wait until the node publishes, so that the first answer is not missed.

        Args:
            alive: Returns whether the node may still come.
            timeout: Seconds.
        """
        end = time.monotonic() + timeout
        while not self._node.count_publishers(self._topic):
            if not alive() or time.monotonic() > end:
                break
            time.sleep(0.02)

    def wait_for(self, count: int, timeout: float = 10.0) -> bool:
        """Wait for a number of answers; return whether they came within the timeout, seconds.

        If the last one was accepted, this waits for its pose, too, which is published after it.
        """

        def complete() -> bool:
            if not self.answers or len(self.answers) < count:
                return False
            last = self.answers[-1]
            return last.status != Status.ACCEPTED or from_time(last.header.stamp) in self.poses

        with self._changed:
            return self._changed.wait_for(complete, timeout)

    def _note_pose(self, message: PoseWithCovarianceStamped) -> None:
        with self._changed:
            pose = Pose.from_array(_to_array(message.pose.pose))
            self.poses[from_time(message.header.stamp)] = pose
            self._changed.notify_all()

    def _note(self, answer: PlaceCandidateArray) -> None:
        stamp = from_time(answer.header.stamp)
        with self._changed:
            # The player repeats its first image until it is answered.
            if stamp not in self._stamps:
                self._stamps.add(stamp)
                self.answers.append(answer)
                self._changed.notify_all()

    def _spin(self) -> None:
        with contextlib.suppress(ExternalShutdownException):
            self._executor.spin()


def to_query_result(
    answer: PlaceCandidateArray, published: Mapping[int, Pose], truth: Mapping[int, Pose]
) -> QueryResult:
    """Convert an answer, beside the pose published and the true pose at its stamp, if any."""
    stamp = from_time(answer.header.stamp)
    rows = answer.candidates
    scores = np.array([row.score for row in rows], np.float64)
    return QueryResult(
        stamp=stamp,
        status=Status(answer.status).name,
        truth=truth.get(stamp),
        candidates=Candidates(
            np.array([row.place_id for row in rows], np.int64),
            np.array([row.similarity for row in rows], np.float64),
            np.array([row.hamming_distance for row in rows], np.int64),
            np.array([_to_array(row.pose.pose) for row in rows], np.float64).reshape(-1, 7),
            None if np.isnan(scores).all() else scores,
        ),
        pose=published.get(stamp),
        timings={'in the node': from_time(answer.latency) / SECOND},
        reason=answer.reason,
    )


def _to_array(pose: RosPose) -> list[float]:
    p, q = pose.position, pose.orientation
    return [p.x, p.y, p.z, q.x, q.y, q.z, q.w]
