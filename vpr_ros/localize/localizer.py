# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The chain from an image to a decision, which the live node and every evaluation run."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.inputs.frames.information import emptiness, outline, unchanged
from vpr_ros.localize.decision import Decision, DecisionConfig, Status, decide
from vpr_ros.localize.verification import Reranking, detector_of
from vpr_ros.search import Candidates

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from vpr_ros.describe import Describer
    from vpr_ros.geometry import Pose
    from vpr_ros.geometry.resection import Resection
    from vpr_ros.inputs.frames import Picture
    from vpr_ros.localize.calibration import Calibration
    from vpr_ros.localize.evidence import Support
    from vpr_ros.localize.temporal import SequenceFilter
    from vpr_ros.localize.verification import FeatureComparison, Verifier
    from vpr_ros.search import Searcher, Window
    from vpr_ros.types import Description

_SIGMAS = 3.0
_STANDS, _TURNS = 1.0, 10.0
"""Metres and degrees within which a robot may see the same picture again."""


@dataclass(frozen=True, eq=False)
class Prior:
    """A circle on the ground that holds the robot.

    Attributes:
        centre: (2,) x and y in the map frame, metres.
        radius: Metres.
    """

    centre: NDArray[np.float64]
    radius: float

    @staticmethod
    def around(
        position: NDArray[np.float64], covariance: NDArray[np.float64] | None, gate: float
    ) -> Prior:
        """Return the circle about a measured position (3,), three standard deviations wider."""
        sigma = 0.0
        if covariance is not None:
            sigma = float(np.sqrt(max(np.linalg.eigvalsh(covariance[:2, :2])[-1], 0.0)))
        return Prior(np.array(position[:2]), gate + _SIGMAS * sigma)

    def admits(self, poses: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which poses (N, 7) lie in the circle; those that are not known may."""
        away = np.linalg.norm(poses[:, :2] - self.centre, axis=1)
        return np.asarray(~(away > self.radius))

    def contradicts(self, free: Decision, candidates: Candidates) -> bool:
        """Whether the candidate that would be accepted without the prior lies outside of it."""
        accepted = free.status == Status.ACCEPTED
        return accepted and not self.admits(candidates.poses[:1])[0]


@dataclass(frozen=True)
class Localization:
    """The result for one image.

    Attributes:
        stamp: Of the image, nanoseconds.
        description: Of the image.
        candidates: Best first.
        decision: On the best one.
        timings: Seconds by stage: decode, describe, retrieve, rerank and verify where local
            features are compared, decide.
        least_inliers: From how many inliers on a candidate counts as verified; 0 where none were
            compared.
        stopped: Whether the time for re-ranking ran out.
        transform: The base in the base frame of the first candidate, where it was measured.
        contradicted: Whether a place outside the prior would have been accepted.
    """

    stamp: int
    description: Description
    candidates: Candidates
    decision: Decision
    timings: dict[str, float] = field(compare=False)
    least_inliers: int = 0
    stopped: bool = False
    transform: Resection | None = None
    contradicted: bool = False


@dataclass(frozen=True, eq=False)
class _Shown:
    """The first of the pictures of a camera that show the same.

    Attributes:
        stamp: Of the picture, nanoseconds.
        outline: See there.
        odometry: The base then, where it is known.
    """

    stamp: int
    outline: NDArray[np.float32]
    odometry: Pose | None


class Localizer:
    """Describes an image, searches the map and judges the candidates.

    Args:
        describer: Must be of the model the map was made with.
        searcher: Of the map; None answers every image with NO_MAP.
        config: When a candidate is accepted.
        candidates: Hamming candidates that are re-ranked by float descriptors; the decision takes
            all of them into account.
        verifier: Compares local features with the first candidates; None does not.
        reranking: How many candidates it compares.
        calibration: Of the describer's model; without one there are no probabilities.
        temporal: The temporal filter; needs a calibration. None judges each image by itself.
    """

    def __init__(
        self,
        describer: Describer,
        searcher: Searcher | None,
        config: DecisionConfig | None = None,
        *,
        candidates: int = 100,
        verifier: Verifier | None = None,
        reranking: Reranking | None = None,
        calibration: Calibration | None = None,
        temporal: SequenceFilter | None = None,
    ) -> None:
        self._describer = describer
        self._searcher = searcher
        self._config = config or DecisionConfig()
        self._candidates = candidates
        self._verifier = verifier
        self._reranking = reranking or Reranking()
        self._calibration = calibration
        self._temporal = temporal
        self._shown: dict[str, _Shown] = {}

    @property
    def detector(self) -> str:
        """Name of the detector of local features that candidates are compared by, or empty."""
        return detector_of(self._verifier)

    def localize(
        self,
        frame: Picture,
        window: Window | None = None,
        odometry: Pose | None = None,
        *,
        k: int = 10,
        by_itself: bool = False,
    ) -> Localization:
        """Return candidates and decision for an image; see `localize_all`."""
        (result,) = self.localize_all([frame], window, [odometry], k=k, by_itself=by_itself)
        return result

    def localize_all(
        self,
        frames: Sequence[Picture],
        window: Window | None = None,
        odometry: Sequence[Pose | None] | None = None,
        mounts: Mapping[str, Pose] = MappingProxyType({}),
        prior: Prior | None = None,
        *,
        k: int = 10,
        by_itself: bool = False,
    ) -> list[Localization]:
        """Return candidates and decision for each of some images, described in one batch.

        Args:
            frames: The images.
            window: Which places may be returned.
            odometry: Of each image, the base in a frame that drifts but does not jump, for the
                temporal filter.
            mounts: The optical frame of each camera in the base frame, by the camera's name. The
                poses of candidates are those of this base then, where the map knows the mounts of
                its cameras, too.
            prior: Where the robot must be; candidates elsewhere are passed over.
            k: Candidates returned of each image.
            by_itself: Whether to leave the temporal filter as it is and judge without it.

        Raises:
            ImageError: One of them cannot be decoded.
        """
        start = time.perf_counter()
        images = [frame.rgb for frame in frames]
        decoded = time.perf_counter()
        descriptions = self._describer.describe(images)
        # Each had to wait for all.
        timings = {'decode': decoded - start, 'describe': time.perf_counter() - decoded}
        results = []
        for frame, description, pose in zip(
            frames, descriptions, odometry or [None] * len(frames), strict=True
        ):
            start = time.perf_counter()
            candidates = self._search(description, window, k)
            mount = mounts.get(frame.camera)
            if mount is not None:
                candidates = candidates.seen_through(mount)
            spent = {'retrieve': time.perf_counter() - start}
            empty = emptiness(frame.rgb)
            if not empty and not by_itself:
                empty = self._staleness(frame, pose)
            if empty and len(candidates):
                if self._calibration is not None:
                    candidates = replace(candidates, probabilities=np.zeros(len(candidates)))
                decision = Decision(Status.UNINFORMATIVE, empty)
                shown = candidates.take(slice(k))
                timing = {**timings, **spent}
                results.append(Localization(frame.stamp, description, shown, decision, timing))
                continue
            comparison = None
            if self._verifier is not None and len(candidates):
                start = time.perf_counter()
                comparison = self._verifier.comparison(frame.rgb)
                candidates = comparison.reranked(candidates, self._reranking)
                spent['rerank'] = time.perf_counter() - start
            start = time.perf_counter()
            support = None
            if self._temporal is not None and not by_itself:
                candidates, support = self._supported(
                    self._temporal, frame.stamp, candidates, pose
                )
            candidates, decision, contradicted = self._decided(
                candidates, support, prior, comparison
            )
            spent['decide'] = time.perf_counter() - start
            result = Localization(
                frame.stamp,
                description,
                candidates.take(slice(k)),
                decision,
                {**timings, **spent},
                contradicted=contradicted,
            )
            if self._verifier is not None and comparison is not None:
                result = self._measured(self._verifier, comparison, result)
            results.append(result)
        return results

    def _staleness(self, frame: Picture, odometry: Pose | None) -> str:
        """Return why a picture that shows the same as one before is not believed, or nothing.

        A frozen camera, or its driver, may add noise and time stamps. Without odometry nobody
        knows whether the robot has moved since.
        """
        shown = outline(frame.rgb)
        first = self._shown.get(frame.camera)
        if first is None or not unchanged(first.outline, shown):
            # The first of the pictures that show the same stays, so that slow motion adds up.
            self._shown[frame.camera] = _Shown(frame.stamp, shown, odometry)
            return ''
        if frame.stamp == first.stamp:
            return ''
        text = 'the picture has shown nothing new'
        if frame.stamp > first.stamp:  # that of a bag played again goes back
            text += f' for {(frame.stamp - first.stamp) * 1e-9:.1f} s'
        if odometry is None:
            return f'{text}: the camera is frozen, or the robot hardly moves: use odometry'
        if first.odometry is None:
            self._shown[frame.camera] = replace(first, odometry=odometry)
            return f'{text}, and there was no odometry before'
        metres = first.odometry.distance_to(odometry)
        degrees = math.degrees(first.odometry.angle_to(odometry))
        if metres <= _STANDS and degrees <= _TURNS:
            return ''
        return f'{text}, {metres:.1f} m and {degrees:.0f} degrees: the camera is frozen'

    def _search(self, description: Description, window: Window | None, k: int) -> Candidates:
        if self._searcher is None:
            return Candidates.none()
        n = max(k, self._candidates)
        return self._searcher.search(description, k=n, candidates=n, window=window)

    def _supported(
        self, temporal: SequenceFilter, stamp: int, candidates: Candidates, odometry: Pose | None
    ) -> tuple[Candidates, Support | None]:
        """Return the candidates, that first which all frames support most, and the support."""
        if self._calibration is None or not len(candidates):
            return candidates, None
        support = temporal.update(stamp, candidates, self._calibration.radius, odometry)
        if temporal.alone:
            return candidates, None
        order = np.arange(len(candidates))
        order[1 : support.best + 1] = order[: support.best].copy()
        order[0] = support.best
        return candidates.take(order), support.take(order)

    def _decided(
        self,
        candidates: Candidates,
        support: Support | None,
        prior: Prior | None,
        comparison: FeatureComparison | None,
    ) -> tuple[Candidates, Decision, bool]:
        """Return candidates, decision and whether the prior contradicts the one without it."""
        judged, decision = self._judged(candidates, support, comparison)
        if prior is None:
            return judged, decision, False
        contradicted = prior.contradicts(decision, judged)
        inside = np.flatnonzero(prior.admits(candidates.poses))
        support = support.take(inside) if support else None
        judged, decision = self._judged(candidates.take(inside), support, comparison)
        return judged, decision, contradicted

    def _judged(
        self, candidates: Candidates, support: Support | None, comparison: FeatureComparison | None
    ) -> tuple[Candidates, Decision]:
        rule = None
        if self._verifier is not None and comparison is not None:
            # The temporal filter may have put a candidate first that was not compared.
            candidates, rule = comparison.with_first(candidates), self._verifier.rule
        return decide(candidates, self._config, self._calibration, support, rule)

    def _measured(
        self, verifier: Verifier, comparison: FeatureComparison, result: Localization
    ) -> Localization:
        """Measure the pose relative to the accepted place, where its features match."""
        result = replace(result, least_inliers=verifier.rule.least, stopped=comparison.stopped)
        inliers, decision = result.candidates.inliers, result.decision
        if decision.pose is None or inliers is None or not inliers[0] >= verifier.rule.chance:
            return result
        start = time.perf_counter()
        place = result.candidates.place(0)
        transform = comparison.transform(place)
        if transform is not None and place.pose is not None:
            turn = np.kron(np.eye(2), place.pose.rotation)
            covariance = turn @ transform.covariance @ turn.T
            pose = place.pose @ transform.pose
            decision = replace(decision, pose=pose, covariance=covariance)
        timings = {**result.timings, 'verify': time.perf_counter() - start}
        return replace(result, decision=decision, timings=timings, transform=transform)
