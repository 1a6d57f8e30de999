# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Adapts the projection and the codes of a model to a robot's own map, without gradients.

Within-class covariance normalisation (Hatch et al., Interspeech 2006): directions in which
pictures of one place differ count less. Pairs are neighbours in the map, and places of the map
with images of drives past them. A stretch of the route is held out, and judges the result.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from vpr_ros.describe.loading import load_network
from vpr_ros.errors import VprError
from vpr_ros.evaluation.metrics import localisable, within
from vpr_ros.maps.coder import ItqCoder, one_thread, sample_rows
from vpr_ros.models.model_card import ModelCard, card_of
from vpr_ros.models.projected import Projected
from vpr_ros.models.weights_file import described_by, save_weights

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from vpr_ros.evaluation.metrics import Tolerance
    from vpr_ros.models.model_spec import ModelSpec

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


class AdaptationError(VprError):
    """What was given cannot adapt a model, or the adapted one is not better."""


@dataclass(frozen=True, eq=False)
class PosedDescriptors:
    """Descriptors (N, D) with poses as rows (N, 7)."""

    values: Floats
    poses: Floats

    def part(self, chosen: Bools) -> PosedDescriptors:
        """Return those chosen."""
        return PosedDescriptors(self.values[chosen], self.poses[chosen])


@dataclass(frozen=True)
class HeldOut:
    """The held-out images, before and after.

    Attributes:
        images: How many have a place in the map.
        before: Recall@1.
        after: Recall@1.
        won: Images recognised only afterwards.
        lost: Images recognised only before.
        codes_after: Recall@1 by the new codes alone.
        shrinkage: That was chosen.
    """

    images: int
    before: float
    after: float
    won: int
    lost: int
    codes_after: float
    shrinkage: float


def adapt(
    places: PosedDescriptors, drive: PosedDescriptors, held: Bools, tolerance: Tolerance, bits: int
) -> tuple[dict[str, torch.Tensor], HeldOut]:
    """Fit a projection and its codes, and judge them on the held-out images.

    Args:
        places: Of the map.
        drive: Of images of drives, in the order of the route.
        held: (N,) which of these are held out.
        tolerance: Of one place.
        bits: Of codes; 0 for the usual number.

    Returns:
        Values for the projection and the hash head of `Projected`, and the judgement.

    Raises:
        AdaptationError: There are too few images or pairs, or the result is not better.
    """
    fitting, test = drive.part(~held), drive.part(held)
    known = localisable(test.poses, places.poses, tolerance)
    test = test.part(known)
    seen = localisable(fitting.poses, places.poses, tolerance)
    fitting = fitting.part(seen)
    if min(len(test.values), len(fitting.values)) < _LEAST:
        msg = (
            f'{len(fitting.values)} images to fit to and {len(test.values)} held-out ones show a '
            f'place of the map; {_LEAST} of each are the least: give more bags, or hold out others'
        )
        raise AdaptationError(msg)
    with one_thread():
        shrinkage = _chosen(places, fitting, tolerance)
        mean, matrix = _fit(places, fitting, tolerance, (shrinkage,))[shrinkage]
        after = [_unit((each.values - mean) @ matrix) for each in (places, test)]
    most = matrix.shape[1] // 8 * 8
    coder = ItqCoder.fit(after[0].astype(np.float32), min(bits or _CODE_BITS, most))
    codes = [coder.encode(each.astype(np.float32)) for each in after]
    signs = [2.0 * np.unpackbits(each, axis=1) - 1.0 for each in codes]
    was = _right(test.values @ places.values.T, test, places, tolerance)
    now = _right(after[1] @ after[0].T, test, places, tolerance)
    found = HeldOut(
        len(was),
        float(was.mean()),
        float(now.mean()),
        int((now & ~was).sum()),
        int((was & ~now).sum()),
        float(_right(signs[1] @ signs[0].T, test, places, tolerance).mean()),
        shrinkage,
    )
    if found.won <= found.lost:
        msg = (
            f'nothing is written: of {found.images} held-out images {found.before:.1%} were '
            f'recognised before and {found.after:.1%} would be after (won {found.won}, lost '
            f'{found.lost}). Keep the model, or give bags of more of the route'
        )
        raise AdaptationError(msg)
    state = {
        'projection.mean': torch.from_numpy(mean.astype(np.float32)),
        'projection.directions': torch.from_numpy(matrix.T.astype(np.float32).copy()),
        'hash_head.linear.weight': torch.from_numpy(coder.projection.T.copy()),
        'hash_head.linear.bias': torch.from_numpy(-coder.mean @ coder.projection),
    }
    return state, found


def write_adapted(
    entry: ModelSpec, state: dict[str, torch.Tensor], path: Path, figures: dict[str, Any]
) -> ModelCard:
    """Write a model with a fitted projection and codes.

    Raises:
        OSError: The file cannot be written.
    """
    net, _ = load_network(entry)
    dim, length = state['projection.directions'].shape
    bits = len(state['hash_head.linear.bias'])
    entry = replace(entry, projection=(length, dim), projection_bits=bits)
    adapted = Projected(net, (length, dim), bits)
    adapted.load_state_dict({f'net.{k}': v for k, v in net.state_dict().items()} | state)
    known = (described_by(entry.file) if entry.file else None) or ModelCard(entry.registered)
    card = replace(known, name=path.stem, figures=figures)
    card = card_of(entry, adapted, card)
    save_weights(path, adapted.state_dict(), card)
    return card


def require_adaptable(entry: ModelSpec) -> None:
    """Refuse a model that cannot get a projection.

    Raises:
        AdaptationError: It is one of others, an exported one, or has a projection already.
    """
    if entry.foreign or entry.projection or entry.onnx_file or entry.batch_dependent:
        msg = f'{entry.name} cannot be adapted: it must be a network of ours without a projection'
        raise AdaptationError(msg)


def _chosen(places: PosedDescriptors, drive: PosedDescriptors, tolerance: Tolerance) -> float:
    """Return the shrinkage that recognises most of stretches that are left out in turn."""
    stretch = np.arange(len(drive.values)) * _STRETCHES // len(drive.values)
    right = dict.fromkeys(_SHRINKAGES, 0)
    for number in range(_STRETCHES):
        test = drive.part(stretch == number)
        fits = _fit(places, drive.part(stretch != number), tolerance, _SHRINKAGES)
        for shrinkage, (mean, matrix) in fits.items():
            at, asked = ((each.values - mean) @ matrix for each in (places, test))
            right[shrinkage] += _right(_unit(asked) @ _unit(at).T, test, places, tolerance).sum()
    return max(_SHRINKAGES, key=lambda each: (right[each], each))


def _fit(
    places: PosedDescriptors,
    drive: PosedDescriptors,
    tolerance: Tolerance,
    shrinkages: tuple[float, ...],
) -> dict[float, tuple[Floats, Floats]]:
    """Return mean and projection by shrinkage."""
    mean = (places.values.mean(0) + drive.values.mean(0)) / 2
    basis = None
    if len(mean) > _LONGEST:
        both = np.concatenate([places.values, drive.values]) - mean
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
    covariance = sum(parts) * (len(parts[0]) / sum(map(np.trace, parts)))
    values, vectors = np.linalg.eigh(covariance)
    values = np.maximum(values, 0)
    fits = {}
    for shrinkage in shrinkages:
        matrix = (vectors * (values + shrinkage) ** -0.5) @ vectors.T
        fits[shrinkage] = mean, matrix if basis is None else basis @ matrix
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
