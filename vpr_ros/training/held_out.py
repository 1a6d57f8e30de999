# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whether an adapted model recognises more than before: a paired test on images held out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import binomtest

from vpr_ros.errors import VprError

if TYPE_CHECKING:
    from vpr_ros.evaluation.metrics import Bools

LEVEL = 0.05
"""Greatest probability of so clear a gain by chance with which a model is written."""


class AdaptationError(VprError):
    """What was given cannot adapt a model, or the adapted one is not better."""


@dataclass(frozen=True)
class HeldOut:
    """The held-out images, before and after.

    Images that follow each other in a drive and change alike count as one case, for they show
    nearly the same: three pictures of one tree are not three reasons to change a model.

    Attributes:
        images: How many have a place in the map.
        before: Recall@1.
        after: Recall@1.
        won: Cases recognised only afterwards.
        lost: Cases recognised only before.
        chance: Probability of so many won among the changed, or more, if neither model were
            better (exact sign test, that of McNemar).
        codes_after: Recall@1 by the new codes alone.
    """

    images: int
    before: float
    after: float
    won: int
    lost: int
    chance: float
    codes_after: float

    @staticmethod
    def judged(before: Bools, after: Bools, codes: Bools) -> HeldOut:
        """Compare which images (N,), in the order of the drives, are recognised."""
        change = after.astype(int) - before
        cases = change[np.flatnonzero(np.diff(change, prepend=0))]
        won, lost = int((cases > 0).sum()), int((cases < 0).sum())
        chance = binomtest(won, won + lost, alternative='greater').pvalue if won + lost else 1.0
        means = (float(each.mean()) for each in (before, after, codes))
        was, now, by_codes = means
        return HeldOut(len(before), was, now, won, lost, float(chance), by_codes)

    def words(self) -> str:
        """Say what changed."""
        return (
            f'of {self.images} held-out images {self.before:.1%} were recognised before and '
            f'{self.after:.1%} are with the adapted model (won {self.won}, lost {self.lost}, '
            'images in a row as one)'
        )

    def require_better(self) -> None:
        """Refuse a model that is not better, or not by more than chance.

        Raises:
            AdaptationError: Says which.
        """
        if self.won <= self.lost or self.after <= self.before:
            why = 'the adapted model is not better. Keep the model'
        elif self.chance >= LEVEL:
            why = (
                f'a gain as clear comes by chance in {self.chance:.0%} of cases, {LEVEL:.0%} is '
                'the most: it cannot be told from no gain. Hold out more'
            )
        else:
            return
        msg = f'nothing is written: {self.words()}; {why}, or give bags of more of the route'
        raise AdaptationError(msg)
