# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How much an image speaks for being at each place, for the filter and the mean of poses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.localize.evidence import inlier_shares, share_leads

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpr_ros.search import Candidates

_MOST_EVIDENCE = 4.0
"""No image by itself speaks for or against a place more than this."""


@dataclass(frozen=True)
class PlaceLikelihood:
    """The log likelihood ratio of places: log P(evidence | there) / P(evidence | elsewhere).

    Linear in evidence that is relative to the map, so that it holds in worlds and seasons that it
    was not fitted on. This is that of candidates whose local features were not compared.

    Attributes:
        intercept: Where all else is 0.
        lead: Weight of the similarity less the best elsewhere, see `leads`.
        standing: Weight of `Candidates.standings`.
    """

    intercept: float
    lead: float
    standing: float

    @staticmethod
    def evidence(candidates: Candidates, radius: float) -> NDArray[np.float64]:
        """Return the evidence (H, 2) in the order of the weights; NaN where it is not known.

        Args:
            candidates: Of an image.
            radius: Metres within which places are one.
        """
        standings = candidates.standings
        if standings is None:
            standings = np.full(len(candidates), np.nan)
        return np.column_stack([leads(candidates, radius), standings])

    def log_ratios(self, candidates: Candidates, radius: float) -> NDArray[np.float64]:
        """Return the logarithms (H,), none beyond 4; an unknown standing is an ordinary one."""
        lead, standing = self.evidence(candidates, radius).T
        ratios = self.intercept + self.lead * lead + self.standing * np.nan_to_num(standing)
        return np.asarray(np.clip(ratios, -_MOST_EVIDENCE, _MOST_EVIDENCE))


@dataclass(frozen=True)
class VerifiedLikelihood:
    """The same of candidates whose local features were compared.

    Attributes:
        intercept: Where all else is 0.
        lead: Weight of the similarity less the best elsewhere, see `leads`.
        inlier_share: Weight of `inlier_shares`.
        share_lead: Weight of `share_leads`.
    """

    intercept: float
    lead: float
    inlier_share: float
    share_lead: float

    @staticmethod
    def evidence(candidates: Candidates, radius: float) -> NDArray[np.float64]:
        """Return the evidence (H, 3) in the order of the weights; NaN where it is not known.

        Args:
            candidates: Of an image.
            radius: Metres within which places are one.
        """
        shares = inlier_shares(candidates), share_leads(candidates, radius)
        return np.column_stack([leads(candidates, radius), *shares])

    def log_ratios(self, candidates: Candidates, radius: float) -> NDArray[np.float64]:
        """Return the logarithms (H,), none beyond 4; NaN where nothing was compared."""
        weights = self.lead, self.inlier_share, self.share_lead
        ratios = self.intercept + self.evidence(candidates, radius) @ weights
        return np.asarray(np.clip(ratios, -_MOST_EVIDENCE, _MOST_EVIDENCE))


@dataclass(frozen=True)
class PlaceLikelihoods:
    """The likelihoods of places with the local features of a detector, and without.

    Attributes:
        plain: Of candidates that were not compared.
        verified: By detector, of those that were.
    """

    plain: PlaceLikelihood
    verified: dict[str, VerifiedLikelihood] = field(default_factory=dict)

    def log_ratios(
        self, candidates: Candidates, radius: float, detector: str = ''
    ) -> NDArray[np.float64]:
        """Return the logarithms (H,) for candidates.

        Args:
            candidates: Of an image.
            radius: Metres within which places are one.
            detector: Of their inliers.
        """
        plain = self.plain.log_ratios(candidates, radius)
        if detector not in self.verified:
            return plain
        verified = self.verified[detector].log_ratios(candidates, radius)
        return np.where(np.isnan(verified), plain, verified)


def leads(candidates: Candidates, radius: float) -> NDArray[np.float64]:
    """Return the similarity of each (H,) less the best elsewhere; at most 0 but at one place.

    Args:
        candidates: Of an image.
        radius: Metres within which places are one.
    """
    similarities = candidates.similarities
    if not len(similarities):
        return np.empty(0)
    first = int(similarities.argmax())
    here = candidates.together(np.array([first]), radius)[0]
    rival = similarities[~here].max() if not here.all() else 0.0
    return np.asarray(similarities - np.where(here, rival, similarities[first]))
