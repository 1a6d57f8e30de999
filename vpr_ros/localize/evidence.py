# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The figures that speak for and against each candidate, without units."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vpr_ros.search import Candidates

    Floats = NDArray[np.float64]

FEATURES = (
    'similarity',
    'standing',
    'distinctness',
    'agreement',
    'support',
    'trail',
    'inlier_share',
    'inlier_distinctness',
    'congruence',
    'nearness',
)
"""Names of the columns of `Evidence.features`."""

_FIRST = 10
"""Candidates among which agreement is counted."""
_INLIER_WEIGHT = 0.3
"""Similarity that the most inliers of a query are worth in re-ranking."""
_FEW_INLIERS = 30.0
"""If no place has so many, the most count as a share of it."""
_MOST_STANDING = 8.0
"""Deviations beyond which a similarity is no better evidence."""
_DOUBTED = 10
"""Matches that are added to those of each place: the share of a few tells little."""
_ORDINARY_SHARE = 0.2
"""Share of inliers of a place elsewhere, where fewer than two were compared."""
_LEAST_SHARE = 0.02
"""Added to shares whose ratio is taken."""
_MOST_INLIER_RATIO = 2.2
"""More inliers than the rival times this are no better evidence: beyond the end of a map its last
place, which nothing else resembles, has as many as a place that is there."""
_MOST_TRAIL = 12.0
"""Evidence of earlier frames beyond which more of it counts for nothing."""
_LEAST_DEFORMATION, _MOST_DEFORMATION = 0.01, 1.0
"""Below the first keypoints are too inaccurate to tell; above the second nothing agrees."""
_LEAST_PARALLAX = 0.06
"""That of a wide open track. Where it seems to be less, places repeat each other, as the doors of
a corridor do, and one was taken for the next."""
_MOST_CONGRUENCE = 3.2
"""Deformations below exp(-3.2), 4 %, are no better evidence: corridors with the same doors have as
small ones as two pictures from one spot."""
_NEARNESS = -1.0, 1.5
"""Deformations of more than e and less than a fifth of that over 5 m are not told apart."""
_SHAPE = 2.0
"""Deviations that a factor e of the deformation counts as: it tells best how far away one is."""
_MOST_SUPPORT = 5.0
"""Odds beyond exp(5) are not told apart: no filter knows its own model that well."""


@dataclass(frozen=True)
class InlierRule:
    """The meaning of the inliers of one detector of local features.

    Attributes:
        detector: Its name and the longer side of its pictures, as in stages of a calibration.
        least: Inliers that a place needs to be accepted where there is no calibration.
        chance: Inliers that pictures of different places reach by chance; fewer of a place
            elsewhere do not speak against one.
    """

    detector: str
    least: int
    chance: int


@dataclass(frozen=True, eq=False)
class Support:
    """The output of a temporal filter for the candidates of a frame.

    Attributes:
        stage: Of the calibration to judge by, which names the filter.
        places: (H,) probability that the robot is at the place of each candidate, or near it.
        trails: (H,) evidence of the earlier frames for it; NaN where it was not weighed.
        best: Index of the candidate that all frames support most.
        poses: (M, 7) of the robot by that candidate and M frames that saw places near by.
        weights: (M,) of those.
        drifts: (M,) metres by which odometry may be wrong about the way since.
    """

    stage: str
    places: Floats
    trails: Floats
    best: int
    poses: Floats
    weights: Floats
    drifts: Floats

    @staticmethod
    def none(stage: str, count: int) -> Support:
        """Return the output for candidates of which nothing is known."""
        nothing, unknown = np.zeros(count), np.full(count, np.nan)
        none = np.empty(0)
        return Support(stage, nothing, unknown, 0, np.empty((0, 7)), none, none)

    def take(self, order: Sequence[int] | NDArray[np.intp]) -> Support:
        """Return the output for some of the candidates, in an order."""
        order = np.asarray(order, np.intp)
        where = np.flatnonzero(order == self.best)
        known = slice(None) if len(where) else slice(0)
        return replace(
            self,
            places=self.places[order],
            trails=self.trails[order],
            best=int(where[0]) if len(where) else 0,
            poses=self.poses[known],
            weights=self.weights[known],
            drifts=self.drifts[known],
        )


@dataclass(frozen=True, eq=False)
class Evidence:
    """Evidence for some candidates; every array (R,) has one entry a candidate.

    "Elsewhere" are the candidates further away than the radius of a place. Where there are none,
    an unrelated picture stands in, whose similarity is about 0.

    Attributes:
        similarities: Of the candidates.
        rival_similarities: The best elsewhere.
        agreement: Share of the first ten candidates that are at this place, itself included.
        standings: Deviations above the background of the place; NaN where unknown.
        support: Probability of the place by a temporal filter; NaN without one.
        trails: Evidence of earlier frames for the place; NaN without a filter.
        inliers: Matches of local features that agree; NaN where they were not compared.
        inlier_shares: Of all matches, see `inlier_shares`.
        rival_inliers: The most elsewhere; NaN where none was compared there.
        congruences: How alike the candidates' pictures are in shape, see `congruences`.
        parallaxes: See `Candidates`; NaN where unknown.
        chance_inliers: How many different places reach by chance; fewer are not told apart.
        rivals: Index of the best elsewhere among all candidates, -1 where there is none.
        here: (R, H) which of all candidates are at the place of each.
    """

    similarities: Floats
    rival_similarities: Floats
    agreement: Floats
    standings: Floats
    support: Floats
    trails: Floats
    inliers: Floats
    inlier_shares: Floats
    rival_inliers: Floats
    congruences: Floats
    parallaxes: Floats
    chance_inliers: Floats
    rivals: NDArray[np.intp]
    here: NDArray[np.bool_]

    @property
    def distance_ratios(self) -> Floats:
        """Ratios (R,) of the Euclidean distances of unit descriptors to the place and the rival.

        Lowe's test (IJCV 2004, section 7.1) for places: it needs no absolute scale.
        """
        far = np.maximum(1.0 - self.rival_similarities, 0.0)
        near = np.maximum(1.0 - self.similarities, 0.0)
        return np.sqrt(np.divide(near, far, out=np.ones_like(near), where=far > 0))

    @cached_property
    def features(self) -> Floats:
        """Columns `FEATURES` (R, 10); NaN where nothing is known.

        Distinctness is the negative logarithm of the ratio of the distances of a candidate and its
        rival, or the logarithm of that of inliers; support is the logarithm of the odds. Nearness
        is the negative logarithm of the deformation as a share of the parallax.
        """
        odds = np.log(np.maximum(self.support, 1e-9) / np.maximum(1 - self.support, 1e-9))
        columns = (
            self.similarities,
            np.clip(self.standings, -_MOST_STANDING, _MOST_STANDING),
            -np.log(np.maximum(self.distance_ratios, 1e-3)),
            self.agreement,
            np.clip(odds, -_MOST_SUPPORT, _MOST_SUPPORT),
            np.clip(self.trails, -_MOST_TRAIL, _MOST_TRAIL),
            self.inlier_shares,
            np.log(
                np.minimum(
                    np.maximum(self.inliers, self.chance_inliers)
                    / np.maximum(self.rival_inliers, self.chance_inliers),
                    _MOST_INLIER_RATIO,
                )
            ),
            np.minimum(self.congruences, _MOST_CONGRUENCE),
            np.clip(
                self.congruences + np.log(np.maximum(self.parallaxes, _LEAST_PARALLAX)),
                *_NEARNESS,
            ),
        )
        return np.stack(columns, axis=-1)

    def of_frame(self, i: int) -> Evidence:
        """Return the evidence (1,) of one of them by the frame alone, without a filter."""
        columns = {each.name: getattr(self, each.name)[i : i + 1] for each in fields(self)}
        unknown = np.full(1, np.nan)
        return Evidence(**{**columns, 'support': unknown, 'trails': unknown})

    def without_inlier_rivals(self) -> Evidence:
        """Return the evidence if local features that were compared elsewhere matched nothing."""
        return replace(self, rival_inliers=np.minimum(self.rival_inliers, 0.0))  # NaN stays

    def with_ordinary_rivals(self, candidates: Candidates) -> Evidence:
        """Return the evidence if each rival were the median of the candidates elsewhere.

        An ordinary rival has no more inliers than by chance.

        Args:
            candidates: All candidates.
        """
        similarities = self.rival_similarities.copy()
        for i in np.flatnonzero(self.rivals >= 0):
            similarities[i] = median(candidates.similarities[~self.here[i]])
        ordinary = replace(self, rival_similarities=similarities)
        return ordinary.without_inlier_rivals()


def congruences(candidates: Candidates) -> Floats:
    """Return how alike in shape the pictures of candidates (H,) and of the query are.

    The negative logarithm of `Candidates.deformations`: places some metres away match as well as
    the right one, but things in them are larger or smaller. NaN where they were not compared.
    """
    if candidates.deformations is None:
        return np.full(len(candidates), np.nan)
    return np.asarray(
        -np.log(np.clip(candidates.deformations, _LEAST_DEFORMATION, _MOST_DEFORMATION))
    )


def inlier_shares(candidates: Candidates) -> Floats:
    """Return the share (H,) of the matches of each candidate that agree; NaN without matches.

    How many agree depends on the camera, the season and the texture; which share of the matches
    does, less. Ten matches more are counted: the share of a few tells little.
    """
    if candidates.inliers is None or candidates.matches is None:
        return np.full(len(candidates), np.nan)
    return np.asarray(candidates.inliers / (candidates.matches + _DOUBTED))


def share_leads(candidates: Candidates, radius: float) -> Floats:
    """Return the logarithms (H,) of the ratio of each share of inliers to those elsewhere.

    In winter or at night all shares are small, but that of the right place is still greater than
    those of others. Elsewhere is where the candidate with the greatest share is not; of the shares
    there the median is taken. NaN where local features were not compared.

    Args:
        candidates: Of an image.
        radius: Metres within which places are one.
    """
    shares = inlier_shares(candidates)
    compared = np.isfinite(shares)
    if not compared.any():
        return shares
    best = np.array([np.nanargmax(shares)])
    others = shares[compared & ~candidates.together(best, radius)[0]]
    ordinary = median(others) if len(others) > 1 else _ORDINARY_SHARE
    return np.asarray(np.log((shares + _LEAST_SHARE) / (ordinary + _LEAST_SHARE)))


def shortfall(candidates: Candidates, ratios: Floats) -> Floats:
    """Return by how much less (H,) each candidate looks like the image than the best one.

    Places some metres away show the same things, and their likelihood ratios are as high as can
    be. Which of them an image looks most like tells how far the robot has come.

    Args:
        candidates: Of an image.
        ratios: (H,) likelihood ratios of them.
    """
    if not len(ratios):
        return ratios
    figures = []
    if candidates.standings is not None:
        figures.append(candidates.standings)
    if candidates.inliers is not None:
        figures += [np.log1p(candidates.inliers), _SHAPE * congruences(candidates)]
    less = [figure[ratios.argmax()] - figure for figure in figures]
    return np.asarray(sum(np.nan_to_num(np.maximum(each, 0.0)) for each in less), np.float64)


def fused_scores(candidates: Candidates) -> Floats:
    """Return by what (H,) candidates are re-ranked: their similarity, and their share of inliers.

    That of one that was not compared is its similarity.
    """
    if candidates.inliers is None:
        return candidates.similarities
    inliers = np.nan_to_num(candidates.inliers)
    shares = inliers / max(float(inliers.max(initial=0.0)), _FEW_INLIERS)
    return np.asarray(candidates.similarities + _INLIER_WEIGHT * shares, np.float64)


def fused_order(candidates: Candidates) -> NDArray[np.intp]:
    """Return the indices (H,) of candidates, the highest fused score first."""
    return np.argsort(-fused_scores(candidates), kind='stable')


def reranked(candidates: Candidates) -> Candidates:
    """Return the candidates in the order of their fused scores."""
    return candidates.take(fused_order(candidates))


def _most(values: Floats) -> Floats:
    """Return the greatest of each row (R, H) that is not NaN, NaN where there is none."""
    most = np.where(np.isnan(values), -np.inf, values).max(1)
    return np.where(np.isneginf(most), np.nan, most)


def median(values: NDArray[np.number]) -> float:
    """Return the median of some (N,), for so few in a twentieth of the time of numpy's."""
    ordered = np.sort(values)
    return float(ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def gather(
    candidates: Candidates,
    radius: float,
    support: Support | None = None,
    rows: NDArray[np.intp] | None = None,
    chance: int = 1,
) -> Evidence:
    """Collect the evidence for candidates.

    Args:
        candidates: All of them, best first.
        radius: Metres within which places are one.
        support: Output of a temporal filter for all of them, None without one.
        rows: Indices (R,) of those in question; all where not given.
        chance: Inliers that different places reach by chance, see `InlierRule`.
    """
    rows = np.arange(len(candidates)) if rows is None else rows
    here = candidates.together(rows, radius)
    similarities = np.where(here, -np.inf, candidates.similarities)
    rivals = similarities.argmax(1)
    best = similarities[np.arange(len(rows)), rivals]
    alone = np.isneginf(best)
    inliers = candidates.inliers
    if inliers is None:
        inliers = np.full(len(candidates), np.nan)
    unknown = np.full(len(rows), np.nan)
    return Evidence(
        similarities=candidates.similarities[rows],
        rival_similarities=np.where(alone, 0.0, best),
        agreement=here[:, :_FIRST].mean(1),
        standings=unknown if candidates.standings is None else candidates.standings[rows],
        support=unknown if support is None else support.places[rows],
        trails=unknown if support is None else support.trails[rows],
        inliers=inliers[rows],
        inlier_shares=inlier_shares(candidates)[rows],
        rival_inliers=_most(np.where(here, np.nan, inliers)),
        congruences=congruences(candidates)[rows],
        parallaxes=unknown if candidates.parallaxes is None else candidates.parallaxes[rows],
        chance_inliers=np.full(len(rows), float(chance)),
        rivals=np.where(alone, -1, rivals),
        here=here,
    )
