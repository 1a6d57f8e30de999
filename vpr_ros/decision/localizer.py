# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From one frame to a verdict: the chain that the live node and every evaluation run."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vpr_ros.decision.decider import Decision, DecisionConfig, decide

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpr_ros.describe import Describer
    from vpr_ros.frames import Picture
    from vpr_ros.retrieval import Hit, Retriever, Window
    from vpr_ros.types import Description


@dataclass(frozen=True)
class Localization:
    """What is known after one frame.

    Attributes:
        stamp: The frame's, nanoseconds.
        description: What was searched for.
        hits: Candidates, best first.
        decision: The verdict on the best one.
        timings: Seconds by stage: decode, describe, retrieve, decide.
    """

    stamp: int
    description: Description
    hits: list[Hit]
    decision: Decision
    timings: dict[str, float] = field(compare=False)


class Localizer:
    """Describes a frame, searches the map and judges what it finds.

    Args:
        describer: Must be of the model the map was made with.
        retriever: Search over the map; None answers every frame with NO_MAP.
        config: When a candidate is believed.
        k: Candidates returned.
        candidates: Hamming candidates that are re-ranked by float descriptors; the verdict takes
            all of them into account.
    """

    def __init__(
        self,
        describer: Describer,
        retriever: Retriever | None,
        config: DecisionConfig | None = None,
        *,
        k: int = 10,
        candidates: int = 100,
    ) -> None:
        self._describer = describer
        self._retriever = retriever
        self._config = config or DecisionConfig()
        self._k = k
        self._candidates = candidates

    def localize(self, frame: Picture, window: Window | None = None) -> Localization:
        """Return candidates and verdict for a frame.

        Raises:
            ImageError: The frame cannot be decoded.
        """
        (result,) = self.localize_all([frame], window)
        return result

    def localize_all(
        self, frames: Sequence[Picture], window: Window | None = None
    ) -> list[Localization]:
        """Return candidates and verdict for each of some frames, described in one batch.

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
            self._judge(frame, description, window, timings)
            for frame, description in zip(frames, descriptions, strict=True)
        ]

    def _judge(
        self,
        frame: Picture,
        description: Description,
        window: Window | None,
        timings: dict[str, float],
    ) -> Localization:
        start = time.perf_counter()
        hits = self._search(description, window)
        found = time.perf_counter()
        decision = decide(hits, self._config)
        timings = {
            **timings,
            'retrieve': found - start,
            'decide': time.perf_counter() - found,
        }
        return Localization(frame.stamp, description, hits[: self._k], decision, timings)

    def _search(self, description: Description, window: Window | None) -> list[Hit]:
        if self._retriever is None:
            return []
        n = max(self._k, self._candidates)
        return self._retriever.search(description, k=n, candidates=n, window=window)
