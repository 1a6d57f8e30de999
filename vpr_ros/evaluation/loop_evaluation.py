# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Evaluation of the loop closures of one traverse against its true revisits."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from vpr_ros.errors import ImageError, VprError
from vpr_ros.evaluation.loop_results import LoopEvaluation, LoopRecord
from vpr_ros.evaluation.metrics import distances, pose_rows, within
from vpr_ros.inputs.folders.csv_table import named_rows
from vpr_ros.stamps import SECOND

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


@dataclass(frozen=True)
class TruthByPoses:
    """Keyframes within the tolerance of each other are the same place."""

    tolerance: Tolerance

    def earlier(self, frame: int, poses: NDArray[np.float64]) -> NDArray[np.bool_] | None:
        """Return which of the earlier keyframes are at this place; None where it is not known.

        Args:
            frame: Number of the keyframe, from 0.
            poses: (frame + 1, 7) of the keyframes up to it, NaN where unknown.
        """
        if np.isnan(poses[frame]).any():
            return None
        return within(poses[frame], poses[:frame], self.tolerance)


@dataclass(frozen=True)
class TruthByPairs:
    """Labelled pairs are the same place; each image is a keyframe.

    Attributes:
        matches: Number of an earlier image by that of a later one, both from 0.
        tolerance: Images to either side that are correct, too.
    """

    matches: dict[int, int]
    tolerance: int = 2

    def earlier(self, frame: int, poses: NDArray[np.float64]) -> NDArray[np.bool_] | None:
        """Return which of the earlier keyframes are at this place; see `TruthByPoses`."""
        right = np.zeros(len(poses) - 1, np.bool_)
        match = self.matches.get(frame)
        if match is not None:
            right[max(0, match - self.tolerance) : match + self.tolerance + 1] = True
        return right

    @staticmethod
    def read(path: Path, tolerance: int = 2) -> TruthByPairs:
        """Read a CSV file with the columns `query` and `match`: numbers of images from 1.

        Raises:
            VprError: It is no such file.
        """
        rows = named_rows(path, ('query', 'match'))
        try:
            matches = {int(row['query']) - 1: int(row['match']) - 1 for row in rows}
        except ValueError as error:
            msg = f'{path} is not a CSV file of whole numbers with the columns query and match'
            raise VprError(msg) from error
        return TruthByPairs(matches, tolerance)


Truth: TypeAlias = TruthByPoses | TruthByPairs
"""The true revisits of a traverse."""


def evaluate_loops(
    frames: Iterable[tuple[Picture, PoseReading | None]],
    detector: LoopDetector,
    config: LoopConfig,
    truth: Truth,
    setup: LoopSetup,
    progress: Callable[[int], None] = lambda _done: None,
) -> LoopEvaluation:
    """Run a detector over a traverse and judge every keyframe.

    Args:
        frames: Images in order, with poses where there are any.
        detector: With an empty map.
        config: Of the detector.
        truth: The true revisits.
        setup: Stored with the results.
        progress: Called after each image with how many are done.
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
    poses = pose_rows(pose for _, pose in found)
    keyframes = [keyframe for keyframe, _ in found]
    return LoopEvaluation(setup, tuple(_judged(keyframes, poses, config, truth)))


def _judged(
    keyframes: Sequence[Keyframe],
    poses: NDArray[np.float64],
    config: LoopConfig,
    truth: Truth,
) -> list[LoopRecord]:
    stamps = np.array([keyframe.localization.stamp for keyframe in keyframes], np.int64)
    steps = distances(poses[1:], poses[:-1])
    travelled = np.concatenate([[0.0], np.cumsum(np.nan_to_num(steps))])
    numbers = {keyframe.place_id: number for number, keyframe in enumerate(keyframes)}
    records = []
    for i, keyframe in enumerate(keyframes):
        same = truth.earlier(i, poses[: i + 1])
        old = np.arange(i) < i - config.keyframes
        old &= stamps[:i] <= stamps[i] - config.time * SECOND
        old &= travelled[i] - travelled[:i] >= config.distance
        localization = keyframe.localization
        candidates = localization.candidates
        match = numbers[int(candidates.ids[0])] if len(candidates) else None
        known = candidates.inliers
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
                inliers=None if known is None or np.isnan(known[:1]).any() else int(known[0]),
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
    """Return the nearest of the keyframes at the same place, else the middle one."""
    rows = np.flatnonzero(same)
    if not len(rows):
        return None
    metres = distances(poses[rows], poses[-1])
    return int(rows[len(rows) // 2] if np.isnan(metres).all() else rows[np.nanargmin(metres)])
