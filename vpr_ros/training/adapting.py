# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Adapts the projection and the codes of a model to a robot's own map, without gradients.

Within-class covariance normalisation (Hatch et al., Interspeech 2006): directions in which
pictures of one place differ count less. Pairs are neighbours in the map, and places of the map
with images of drives past them. A stretch of the route is held out, and judges the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from vpr_ros.evaluation.metrics import localisable, within
from vpr_ros.maps.coder import ItqCoder, one_thread, sample_rows
from vpr_ros.training.held_out import AdaptationError, HeldOut

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpr_ros.evaluation.metrics import Tolerance

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

_SHRINKAGES = (1.0, 3.0, 10.0, 30.0)
"""Multiples of the mean variance that are added to each: more change the model less."""
_SHARE = 0.25
"""Of the drives in the covariance, beside that of neighbours in the map."""
_STRETCHES = 4
"""Of the drives that are left out in turn, to choose the shrinkage."""
_LONGEST = 2048
_LEAST = 20
"""Images on either side of the hold-out."""
_PAIRS = 20_000
_CODE_BITS = 512


@dataclass(frozen=True, eq=False)
class PosedDescriptors:
    """Descriptors (N, D) with poses as rows (N, 7)."""

    values: Floats
    poses: Floats

    def part(self, chosen: Bools) -> PosedDescriptors:
        """Return those chosen."""
        return PosedDescriptors(self.values[chosen], self.poses[chosen])

    def recognised(self, places: PosedDescriptors, tolerance: Tolerance) -> Bools:
        """Tell which (N,) are most like a place that is where they are."""
        return _right(self.values @ places.values.T, self, places, tolerance)


@dataclass(frozen=True, eq=False)
class Division:
    """Which images of drives, in the order of the route, are fitted to, and which judge.

    Attributes:
        fitting: (N,) of these.
        judging: (N,) held out.
    """

    fitting: Bools
    judging: Bools

    @staticmethod
    def of(places: Floats, drive: Floats, held: Bools, tolerance: Tolerance) -> Division:
        """Divide images by their poses: what shows a place that is held out is not fitted to.

        Args:
            places: (M, 7) poses of the map.
            drive: (N, 7) poses of the images.
            held: (N,) which are held out.
            tolerance: Of one place.

        Raises:
            AdaptationError: There are too few on either side.
        """
        known = localisable(drive, places, tolerance)
        fitting = known & ~held & ~localisable(drive, drive[held], tolerance)
        found = Division(fitting, known & held)
        if min(fitting.sum(), found.judging.sum()) < _LEAST:
            msg = (
                f'{fitting.sum()} images to fit to and {found.judging.sum()} held-out ones show a '
                f'place of the map; {_LEAST} of each are the least. What shows a place of the '
                'stretch held out is not fitted to: give more bags, or hold out others'
            )
            raise AdaptationError(msg)
        return found


@dataclass(frozen=True, eq=False)
class Adaptation:
    """What is put behind a network: a projection of its descriptors, and codes of these.

    Attributes:
        mean: (D,) subtracted first.
        matrix: (D, E).
        coder: Of the projected descriptors.
        shrinkage: That was chosen.
    """

    mean: Floats
    matrix: Floats
    coder: ItqCoder
    shrinkage: float

    def project(self, given: PosedDescriptors) -> PosedDescriptors:
        """Return descriptors as the adapted model makes them."""
        return PosedDescriptors(self.projected(given.values), given.poses)

    def projected(self, values: Floats) -> Floats:
        """Return descriptors (N, E) of unit norm for those of the network (N, D)."""
        return _unit((values - self.mean) @ self.matrix)

    def codes(self, values: Floats) -> NDArray[np.uint8]:
        """Return the codes (N, bits / 8) of projected descriptors (N, E)."""
        return self.coder.encode(values.astype(np.float32))

    @cached_property
    def head(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Weights (bits, E) and biases (bits,) of the logits whose signs are the codes."""
        return self.coder.projection.T.copy(), -self.coder.mean @ self.coder.projection


def adapt(
    places: PosedDescriptors,
    drive: PosedDescriptors,
    tolerance: Tolerance,
    bits: int,
    *,
    centred: bool = True,
) -> Adaptation:
    """Fit a projection and its codes.

    Args:
        places: Of the map.
        drive: Of images of drives to fit to, in the order of the route.
        tolerance: Of one place.
        bits: Of codes; 0 for the usual number.
        centred: Whether a mean is subtracted; without, a projection before this one and this one
            are one matrix.

    Raises:
        AdaptationError: No two pictures of one place differ.
    """
    with one_thread():
        shrinkage = _chosen(places, drive, tolerance, centred=centred)
        mean, matrix = _fit(places, drive, tolerance, (shrinkage,), centred=centred)[shrinkage]
        after = _unit((places.values - mean) @ matrix)
    most = matrix.shape[1] // 8 * 8
    coder = ItqCoder.fit(after.astype(np.float32), min(bits or _CODE_BITS, most))
    return Adaptation(mean, matrix, coder, shrinkage)


def judge(
    before: tuple[PosedDescriptors, PosedDescriptors],
    after: tuple[PosedDescriptors, PosedDescriptors],
    adaptation: Adaptation,
    tolerance: Tolerance,
) -> HeldOut:
    """Compare a model with an adapted one.

    Args:
        before: The places of the map and the held-out images, by the model.
        after: The same by the network that `adaptation` is put behind.
        adaptation: Of it.
        tolerance: Of one place.
    """
    places, asked = (adaptation.project(each) for each in after)
    codes = (np.unpackbits(adaptation.codes(each.values), axis=1) for each in (places, asked))
    at, seen = (2.0 * bits - 1.0 for bits in codes)
    by_codes = _right(seen @ at.T, asked, places, tolerance)
    was = before[1].recognised(before[0], tolerance)
    return HeldOut.judged(was, asked.recognised(places, tolerance), by_codes)


def _chosen(
    places: PosedDescriptors, drive: PosedDescriptors, tolerance: Tolerance, *, centred: bool
) -> float:
    """Return the shrinkage that recognises most of stretches that are left out in turn."""
    stretch = np.arange(len(drive.values)) * _STRETCHES // len(drive.values)
    right = dict.fromkeys(_SHRINKAGES, 0)
    for number in range(_STRETCHES):
        test = drive.part(stretch == number)
        fits = _fit(places, drive.part(stretch != number), tolerance, _SHRINKAGES, centred=centred)
        for shrinkage, (mean, matrix) in fits.items():
            at, asked = ((each.values - mean) @ matrix for each in (places, test))
            right[shrinkage] += _right(_unit(asked) @ _unit(at).T, test, places, tolerance).sum()
    return max(_SHRINKAGES, key=lambda each: (right[each], each))


def _fit(
    places: PosedDescriptors,
    drive: PosedDescriptors,
    tolerance: Tolerance,
    shrinkages: tuple[float, ...],
    *,
    centred: bool,
) -> dict[float, tuple[Floats, Floats]]:
    """Return mean and projection by shrinkage."""
    mean = (places.values.mean(0) + drive.values.mean(0)) * (0.5 if centred else 0.0)
    both = np.concatenate([places.values, drive.values]) - mean
    basis, shortened = None, len(mean) > _LONGEST
    if len(mean) > min(_LONGEST, len(both)):  # all that differs lies in the span of so few
        basis = np.linalg.svd(both[sample_rows(len(both), _LONGEST)], full_matrices=False)[2].T
    parts = []
    for share, other in ((1 - _SHARE, places), (_SHARE, drive)):
        differences = _differences(places, other, tolerance)
        if len(differences):
            if basis is not None:
                differences = differences @ basis
            scatter = differences.T @ differences
            if (trace := np.trace(scatter)) > 0:
                parts.append(share * scatter / trace)
    if not parts:
        msg = 'no two pictures of one place differ: there is nothing to learn from'
        raise AdaptationError(msg)
    size = len(parts[0]) if shortened else len(mean)
    covariance = sum(parts) * (size / sum(map(np.trace, parts)))
    values, vectors = np.linalg.eigh(covariance)
    values = np.maximum(values, 0)
    fits = {}
    for shrinkage in shrinkages:
        outside = 0.0 if shortened else shrinkage**-0.5
        matrix = (vectors * ((values + shrinkage) ** -0.5 - outside)) @ vectors.T
        if basis is not None:
            matrix = basis @ matrix if shortened else basis @ matrix @ basis.T
        fits[shrinkage] = mean, matrix if shortened else matrix + outside * np.eye(len(mean))
    return fits


def _differences(
    places: PosedDescriptors, others: PosedDescriptors, tolerance: Tolerance
) -> Floats:
    near = np.stack([within(pose[None], places.poses, tolerance) for pose in others.poses])
    if others is places:
        near = np.triu(near, 1)
    i, j = np.nonzero(near)
    chosen = sample_rows(len(i), _PAIRS) if len(i) else np.empty(0, np.intp)
    return others.values[i[chosen]] - places.values[j[chosen]]


def _right(
    scores: NDArray[Any], asked: PosedDescriptors, places: PosedDescriptors, tolerance: Tolerance
) -> Bools:
    return within(asked.poses, places.poses[scores.argmax(1)], tolerance)


def _unit(values: Floats) -> Floats:
    norms = np.linalg.norm(values, axis=1, keepdims=True)
    return np.asarray(values / np.maximum(norms, np.finfo(np.float32).tiny))
