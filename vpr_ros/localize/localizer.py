# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From one frame to a verdict: the chain that the live node and every evaluation run."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from vpr_ros.localize.decision import Decision, decide
from vpr_ros.localize.decision_config import DecisionConfig
from vpr_ros.localize.evidence import Candidates, Support
from vpr_ros.localize.remounting import seen_through

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vpr_ros.describe import Describer
    from vpr_ros.geometry import Pose
    from vpr_ros.geometry.resection import Resection
    from vpr_ros.inputs.frames import Picture
    from vpr_ros.localize.calibration import Calibration
    from vpr_ros.localize.prior import Prior
    from vpr_ros.localize.temporal.filters import PlaceFilter
    from vpr_ros.localize.verification.verifier import Verification, Verifier
    from vpr_ros.search import Hit, Retriever, Window
    from vpr_ros.types import Description


@dataclass(frozen=True)
class Localization:
    """What is known after one frame.

    Attributes:
        stamp: The frame's, nanoseconds.
        description: What was searched for.
        hits: Candidates, best first.
        decision: The verdict on the best one.
        timings: Seconds by stage: decode, describe, retrieve, decide, verify where it is done.
        verifications: How the pictures of the first hits go with the frame's, where looked at.
        transform: The base in the base frame of the first hit, where it was measured.
        contradicted: Whether a place was recognised for certain where the prior says it cannot be.
    """

    stamp: int
    description: Description
    hits: list[Hit]
    decision: Decision
    timings: dict[str, float] = field(compare=False)
    verifications: tuple[Verification, ...] = ()
    transform: Resection | None = None
    contradicted: bool = False


class Localizer:
    """Describes a frame, searches the map and judges what it finds.

    Args:
        describer: Must be of the model the map was made with.
        retriever: Search over the map; None answers every frame with NO_MAP.
        config: When a candidate is believed.
        k: Candidates returned.
        candidates: Hamming candidates that are re-ranked by float descriptors; the verdict takes
            all of them into account.
        verifier: Looks at the pictures of the first candidates; None believes descriptors.
        calibration: Of the describer's model; None knows no probabilities.
        frames: What the frames before say; needs a calibration. None judges each by itself.
    """

    def __init__(
        self,
        describer: Describer,
        retriever: Retriever | None,
        config: DecisionConfig | None = None,
        *,
        k: int = 10,
        candidates: int = 100,
        verifier: Verifier | None = None,
        calibration: Calibration | None = None,
        frames: PlaceFilter | None = None,
    ) -> None:
        self._describer = describer
        self._retriever = retriever
        self._config = config or DecisionConfig()
        self._k = k
        self._candidates = candidates
        self._verifier = verifier
        self._calibration = calibration
        self._frames = frames

    def localize(
        self, frame: Picture, window: Window | None = None, odometry: Pose | None = None
    ) -> Localization:
        """Return candidates and verdict for a frame.

        Args:
            frame: The picture.
            window: Which places may be answered with.
            odometry: The base in a frame that drifts but does not jump, for the filter.

        Raises:
            ImageError: The frame cannot be decoded.
        """
        (result,) = self.localize_all([frame], window, [odometry])
        return result

    def localize_all(
        self,
        frames: Sequence[Picture],
        window: Window | None = None,
        odometry: Sequence[Pose | None] | None = None,
        mounts: Mapping[str, Pose] = MappingProxyType({}),
        prior: Prior | None = None,
    ) -> list[Localization]:
        """Return candidates and verdict for each of some frames, described in one batch.

        Args:
            frames: The pictures.
            window: Which places may be answered with.
            odometry: As for `localize`, of each frame.
            mounts: The optical frame of each camera in the base frame, by the camera's name. The
                poses of candidates are those of this base then, where the map knows the mounts of
                its cameras, too.
            prior: Where the robot must be; candidates elsewhere are passed over.

        Raises:
            ImageError: One of them cannot be decoded.
        """
        start = time.perf_counter()
        images = [frame.rgb for frame in frames]
        decoded = time.perf_counter()
        descriptions = self._describer.describe(images)
        # Each had to wait for all.
        timings = {'decode': decoded - start, 'describe': time.perf_counter() - decoded}
        return [
            self._judge(frame, description, window, timings, pose, mounts.get(frame.camera), prior)
            for frame, description, pose in zip(
                frames, descriptions, odometry or [None] * len(frames), strict=True
            )
        ]

    def _judge(
        self,
        frame: Picture,
        description: Description,
        window: Window | None,
        timings: dict[str, float],
        odometry: Pose | None,
        mount: Pose | None,
        prior: Prior | None,
    ) -> Localization:
        start = time.perf_counter()
        hits = self._search(description, window)
        if mount is not None:
            hits = seen_through(hits, mount)
        found = time.perf_counter()
        hits, support = self._supported(frame.stamp, hits, odometry)
        decision = decide(hits, self._config, self._calibration, support)
        contradicted = prior is not None and prior.contradicts(decision, hits)
        if prior is not None:
            inside = [i for i, hit in enumerate(hits) if prior.admits(hit)]
            hits = [hits[i] for i in inside]
            support = support.of(inside) if support else None
            decision = decide(hits, self._config, self._calibration, support)
        timings = {
            **timings,
            'retrieve': found - start,
            'decide': time.perf_counter() - found,
        }
        result = Localization(
            frame.stamp, description, hits[: self._k], decision, timings, contradicted=contradicted
        )
        if self._verifier is None:
            return result
        return self._verified(self._verifier, frame, hits, result)

    def _verified(
        self, verifier: Verifier, frame: Picture, hits: list[Hit], result: Localization
    ) -> Localization:
        start = time.perf_counter()
        checked = verifier.check(frame.rgb, hits, result.decision, self._config)
        return replace(
            result,
            hits=checked.hits[: self._k],
            decision=replace(
                checked.decision,
                evidence=result.decision.evidence,
                probabilities=result.decision.probabilities,
            ),
            timings={**result.timings, 'verify': time.perf_counter() - start},
            verifications=checked.verifications,
            transform=checked.transform,
        )

    def _supported(
        self, stamp: int, hits: list[Hit], odometry: Pose | None
    ) -> tuple[list[Hit], Support | None]:
        """Return the hits, that first which all frames so far speak for, and what they say."""
        if self._frames is None or self._calibration is None or not hits:
            return hits, None
        frames, candidates = self._frames, Candidates.of(hits)
        places = frames.update(stamp, candidates, self._calibration.radius, odometry)
        if frames.alone:
            return hits, None
        support = Support(frames.stage, places, frames.belief_in(candidates))
        best = int(places.argmax())
        order = [best, *(i for i in range(len(hits)) if i != best)]
        return [hits[i] for i in order], support.of(order)

    def _search(self, description: Description, window: Window | None) -> list[Hit]:
        if self._retriever is None:
            return []
        n = max(self._k, self._candidates)
        return self._retriever.search(description, k=n, candidates=n, window=window)
