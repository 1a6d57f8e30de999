# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Speed of comparing local features: detection, a pair, and re-ranking, beside describing."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.describe import Describer
from vpr_ros.inputs.frames.thumbnail_codec import encode_thumbnail
from vpr_ros.localize import Reranking, Verifier
from vpr_ros.localize.verification import SiftDetector, XFeatDetector
from vpr_ros.search import Candidates
from vpr_ros.simulation import Conditions, SimulatedCamera, Town, Traverse
from vpr_ros.types import THUMBNAIL_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from vpr_ros.localize.verification.local_features import LocalDetector

_WARM_UP = 2
_CANDIDATES = 10
_CAMERA = SimulatedCamera(width=640, height=480)


@dataclass(frozen=True)
class VerifyTiming:
    """Medians of one detector, milliseconds.

    Attributes:
        detector: Its name and the longer side of its pictures.
        threads: On the CPU.
        extract_ms: The features of one image.
        pair_ms: Matching and geometry of one pair.
        cached_ms: Re-ranking, the features of the ten places being known.
        cold_ms: Re-ranking, their thumbnails being read anew.
        describe_ms: Describing the image, in the same rounds.
        extract_share: Median over the rounds of the first divided by the last.
        cached_share: The same of re-ranking known places.
        cold_share: The same of places read anew.
        inliers: Of the best place.
    """

    detector: str
    threads: int
    extract_ms: float
    pair_ms: float
    cached_ms: float
    cold_ms: float
    describe_ms: float
    extract_share: float
    cached_share: float
    cold_share: float
    inliers: int


@dataclass(frozen=True)
class _Thumbnails:
    jpegs: Sequence[bytes]

    def thumbnail(self, place_id: int) -> bytes | None:
        """Return the JPEG of a place."""
        return self.jpegs[place_id]


def bench_verify(model: str, rounds: int = 20, threads: int = 1) -> list[VerifyTiming]:
    """Time each detector and describing by turns, so that other work slows all of them alike.

    Args:
        model: Describes the image.
        rounds: How often each is timed.
        threads: On the CPU.

    Raises:
        ModelError: A model is unknown or its weights are missing.
    """
    describer = Describer(model, 'cpu', threads=threads)
    query, *places = street_views(_CANDIDATES + 1)
    thumbnails = _Thumbnails([encode_thumbnail(each, THUMBNAIL_SIZE) for each in places])
    detectors: list[LocalDetector] = [XFeatDetector(threads), SiftDetector()]
    timed = [_Timed(detector, thumbnails, query) for detector in detectors]
    describing = []
    for step in range(-_WARM_UP, rounds):
        seconds = _seconds(lambda: describer.describe([query]))
        if step >= 0:
            describing.append(seconds)
        for one in timed:
            one.measure(keep=step >= 0)
    return [one.timing(np.array(describing), threads) for one in timed]


class _Timed:
    """The seconds that each part of one detector takes."""

    def __init__(
        self, detector: LocalDetector, thumbnails: _Thumbnails, query: NDArray[np.uint8]
    ) -> None:
        self._detector, self._thumbnails, self._query = detector, thumbnails, query
        count = len(thumbnails.jpegs)
        self._candidates = Candidates(
            np.arange(count), np.full(count, 0.5), np.full(count, -1), np.full((count, 7), np.nan)
        )
        self._known = Verifier(thumbnails, detector)
        self._inliers = self._rerank(self._known)
        (self._features,) = detector.detect([query])
        self._seconds: dict[str, list[float]] = {
            name: [] for name in ('extract', 'pair', 'cached', 'cold')
        }

    def measure(self, *, keep: bool) -> None:
        """Do every part once."""
        steps: dict[str, Callable[[], object]] = {
            'extract': lambda: self._detector.detect([self._query]),
            'pair': lambda: self._known.compare(self._features, 0),
            'cached': lambda: self._rerank(self._known),
            'cold': lambda: self._rerank(Verifier(self._thumbnails, self._detector)),
        }
        for name, step in steps.items():
            seconds = _seconds(step)
            if keep:
                self._seconds[name].append(seconds)

    def timing(self, describing: NDArray[np.float64], threads: int) -> VerifyTiming:
        """Return the medians."""
        seconds = {name: np.array(values) for name, values in self._seconds.items()}
        medians = {f'{name}_ms': 1e3 * float(np.median(s)) for name, s in seconds.items()}
        shares = {
            f'{name}_share': float(np.median(seconds[name] / describing))
            for name in ('extract', 'cached', 'cold')
        }
        return VerifyTiming(
            detector=self._detector.rule.detector,
            threads=threads,
            describe_ms=1e3 * float(np.median(describing)),
            inliers=self._inliers,
            **medians,
            **shares,
        )

    def _rerank(self, verifier: Verifier) -> int:
        comparison = verifier.comparison(self._query)
        found = comparison.reranked(self._candidates, Reranking(_CANDIDATES))
        return 0 if found.inliers is None else int(np.nanmax(found.inliers))


def _seconds(step: Callable[[], object]) -> float:
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def street_views(count: int) -> list[NDArray[np.uint8]]:
    """Return views (480, 640, 3) of a rendered street, two metres apart, the middle one first."""
    way = Traverse(Town(0, _CAMERA), Conditions.named('day'), 1)
    views = [frame.rgb for frame in islice(way, count)]
    middle = views.pop(count // 2)
    return [middle, *views]
