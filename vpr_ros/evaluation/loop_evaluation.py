# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Loop closures of one traverse, beside the revisits that there really were."""

from __future__ import annotations

import csv
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from vpr_ros.errors import ImageError, VprError
from vpr_ros.evaluation.loop_results import LoopEvaluation, LoopRecord
from vpr_ros.evaluation.metrics import within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from vpr_ros.evaluation.loop_results import LoopSetup
    from vpr_ros.evaluation.metrics import Tolerance
    from vpr_ros.geometry import Pose
    from vpr_ros.inputs.frames import Picture
    from vpr_ros.inputs.poses import PoseReading
    from vpr_ros.loops import Keyframe, LoopConfig, LoopDetector

_log = logging.getLogger(__name__)


class Truth(Protocol):
    """Knows which frames of a traverse show the same place."""

    def earlier(self, frame: int, poses: NDArray[np.float64]) -> NDArray[np.bool_] | None:
        """Tell which of the keyframes so far are where this one is; None where nobody knows.

        Args:
            frame: Number of the keyframe, from 0.
            poses: (frame + 1, 7) of the keyframes up to it, NaN where unknown.
        """


@dataclass(frozen=True)
class PosesTell(Truth):
    """Frames near each other show the same place."""

    tolerance: Tolerance

    def earlier(self, frame: int, poses: NDArray[np.float64]) -> NDArray[np.bool_] | None:
        """See `Truth`."""
        if np.isnan(poses[frame]).any():
            return None
        return within(poses[frame], poses[:frame], self.tolerance)


@dataclass(frozen=True)
class PairsTell(Truth):
    """Somebody has said which frames show the same place; each frame is a keyframe.

    Attributes:
        matches: Number of an earlier frame by that of a later one, both from 0.
        tolerance: Frames to either side that are as good.
    """

    matches: dict[int, int]
    tolerance: int = 2

    def earlier(self, frame: int, poses: NDArray[np.float64]) -> NDArray[np.bool_] | None:
        """See `Truth`."""
        right = np.zeros(len(poses) - 1, np.bool_)
        match = self.matches.get(frame)
        if match is not None:
            right[max(0, match - self.tolerance) : match + self.tolerance + 1] = True
        return right

    @staticmethod
    def read(path: Path, tolerance: int = 2) -> PairsTell:
        """Read a CSV file with the columns `query` and `match`: numbers of frames from 1.

        Raises:
            VprError: It is no such file.
        """
        try:
            with path.open(newline='', encoding='utf-8') as file:
                rows = csv.DictReader(file)
                matches = {int(row['query']) - 1: int(row['match']) - 1 for row in rows}
        except (OSError, KeyError, TypeError, ValueError) as error:
            msg = f'{path} is no table of frames with the columns query and match: {error!r}'
            raise VprError(msg) from error
        return PairsTell(matches, tolerance)


def evaluate_loops(
    frames: Iterable[tuple[Picture, PoseReading | None]],
    detector: LoopDetector,
    config: LoopConfig,
    truth: Truth,
    setup: LoopSetup,
    progress: Callable[[int], None] = lambda _done: None,
) -> LoopEvaluation:
    """Drive a traverse through a detector and note every keyframe.

    Args:
        frames: Pictures in order, with poses where there are any.
        detector: With an empty map.
        config: The same that the detector was given.
        truth: What is right.
        setup: To be kept with the results.
        progress: Told after each frame how many are done.
    """
    found: list[tuple[Keyframe, Pose | None]] = []
    for done, (frame, reading) in enumerate(frames, start=1):
        try:
            keyframe = detector.offer(frame, reading)
        except ImageError as error:
            _log.warning('frame at %d ns left out: %s', frame.stamp, error)
            continue
        finally:
            progress(done)
        if keyframe is not None:
            found.append((keyframe, reading.pose if reading else None))
    poses = np.array([_row(pose) for _, pose in found], np.float64).reshape(-1, 7)
    keyframes = [keyframe for keyframe, _ in found]
    return LoopEvaluation(setup, tuple(_judged(keyframes, poses, config, truth)))


def _judged(
    keyframes: Sequence[Keyframe],
    poses: NDArray[np.float64],
    config: LoopConfig,
    truth: Truth,
) -> list[LoopRecord]:
    stamps = np.array([keyframe.localization.stamp for keyframe in keyframes], np.int64)
    steps = np.linalg.norm(np.diff(poses[:, :3], axis=0), axis=1)
    travelled = np.concatenate([[0.0], np.cumsum(np.nan_to_num(steps))])
    numbers = {keyframe.place_id: number for number, keyframe in enumerate(keyframes)}
    records = []
    for i, keyframe in enumerate(keyframes):
        same = truth.earlier(i, poses[: i + 1])
        old = np.arange(i) < i - config.keyframes
        old &= stamps[:i] <= stamps[i] - config.time * 1e9
        old &= travelled[i] - travelled[:i] >= config.distance
        localization = keyframe.localization
        candidates = localization.candidates
        match = numbers[int(candidates.ids[0])] if len(candidates) else None
        looked = localization.verifications
        transform = localization.transform if keyframe.earlier is not None else None
        records.append(
            LoopRecord(
                place_id=keyframe.place_id,
                stamp=localization.stamp,
                pose=None if np.isnan(poses[i]).any() else poses[i],
                status=localization.decision.status.name,
                reason=localization.decision.reason,
                match=match,
                similarity=float(candidates.similarities[0]) if len(candidates) else float('nan'),
                inliers=looked[0].inliers if looked else None,
                announced=keyframe.earlier is not None,
                right=None if same is None or match is None else bool(same[match]),
                revisit=None if same is None else bool((same & old).any()),
                true_match=None if same is None else _surest(same & old, poses[: i + 1]),
                transform=None if transform is None else transform.pose.as_array(),
                timings=dict(localization.timings),
            )
        )
    return records


def _surest(same: NDArray[np.bool_], poses: NDArray[np.float64]) -> int | None:
    """Return the nearest of the keyframes that are the same place, else the middle one."""
    rows = np.flatnonzero(same)
    if not len(rows):
        return None
    metres = np.linalg.norm(poses[rows, :3] - poses[-1, :3], axis=1)
    return int(rows[len(rows) // 2] if np.isnan(metres).all() else rows[np.nanargmin(metres)])


def _row(pose: Pose | None) -> NDArray[np.float64]:
    return np.full(7, np.nan) if pose is None else pose.as_array()
