# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Influence of image parts on a network: attention, descriptor weights, deformed regions."""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import cv2
import numpy as np
import torch
from torch.nn import functional

from vpr_ros import models
from vpr_ros.describe.loading import load_network, resolve
from vpr_ros.describe.preprocess import preprocess
from vpr_ros.models.cricavpr import CricaVPR
from vpr_ros.models.d2vpr import D2VPR
from vpr_ros.models.pooling import REGIONS, Aggregation, DeformableRegions
from vpr_ros.models.projected import Projected
from vpr_ros.models.vit import VisionTransformer, tokens_to_map
from vpr_ros.types import DEFAULT_MODEL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from vpr_ros.models.model_spec import ModelSpec
    from vpr_ros.models.pooling import GeM
    from vpr_ros.models.vit import Attention, Block

_CELLS = 16  # a side, of the grid that is blurred cell by cell
_NO_PARTS = np.empty((0, 0), np.float32)


@dataclass(frozen=True, eq=False)
class ExplainedRegion:
    """A region of the image as it is sampled.

    Attributes:
        plain: (rows, columns, 2) points x, y as fractions of the image before the deformation.
        moved: The same points where the network samples them; equal where it does not deform.
    """

    plain: NDArray[np.float32]
    moved: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Explanation:
    """Influence of the parts of one image.

    Attributes:
        weight: (G, G) float32 summing to one, top row first: how much each part of the image
            counts in the descriptor. Generalised means, being sums, are split among their terms;
            that regions overlap more in some parts than in others is evened out. For other
            networks and formulas it is how far the descriptor turns when that part is blurred.
            None for a backbone, which has no descriptor.
        attention: (G, G) float32 summing to one, how much the class token heeds each patch in
            the last block, mean of all heads; None where a side network adapts what a frozen
            transformer heeds, and without a transformer.
        features: (G, G) float32 from 0 to 1, mean over the channels of the patch tokens that are
            aggregated, as figures of SelaVPR show them; its sign, which means nothing, is that
            of the weight. None without a transformer.
        regions: The regions that are pooled, four medium then nine small ones; empty where the
            network pools the whole image only.
        parts: (1 + regions, D) float32, the descriptor of each part, the whole image
            first; empty (0, 0) where it is not made of such parts.
    """

    weight: NDArray[np.float32] | None
    attention: NDArray[np.float32] | None
    features: NDArray[np.float32] | None
    regions: tuple[ExplainedRegion, ...]
    parts: NDArray[np.float32]


class Explainer:
    """Explains descriptions by one network, also those whose descriptors depend on the batch.

    Args:
        model: Registered name, also of a backbone, or a file, see `loading.resolve`.
        weights: A weights file; None for those that a `Describer` would take.

    Attributes:
        model: Its name.
        trained: False for seeded random weights, whose explanations mean nothing.

    Raises:
        ModelError: The model is unknown, or its weights are missing or damaged.
    """

    def __init__(self, model: str = DEFAULT_MODEL, weights: str | Path | None = None) -> None:
        entry = _backbone(model, weights) or resolve(model, weights)
        self.model = entry.name
        self._preprocessing = entry.preprocessing
        net, identity = load_network(entry)
        # The parts of a picture count before their values are mixed.
        self._net = net.net if isinstance(net, Projected) else net
        self.trained = not identity.startswith('untrained')

    @torch.inference_mode()
    def explain(self, rgb: NDArray[np.uint8]) -> Explanation:
        """Explain how an RGB image, (H, W, 3) uint8 of any size, is described.

        Raises:
            ImageError: The image is empty, not uint8 or not (H, W, 3).
        """
        image = preprocess([rgb], self._preprocessing)
        net = self._net
        transformers = (m for m in net.modules() if isinstance(m, VisionTransformer))
        transformer = next(transformers, None)
        if transformer is None:
            return Explanation(_turn_when_blurred(net, image), None, None, (), _NO_PARTS)
        grid = round(image.shape[-1] / transformer.config.patch)
        last = cast('Block', transformer.blocks[-1])
        gem = _pooling(net)
        listened = [transformer, last, last.attn] if gem is None else [transformer, last.attn, gem]
        with _listening(*listened) as heard:
            output = net(image)
        tokens = heard[transformer if transformer in heard else last][1]
        if isinstance(tokens, list):
            tokens = tokens[0]
        attention = None
        (attended,), _ = heard[last.attn]
        # Learned tokens beside the class token would take its place.
        if attended.shape[1] == 1 + grid**2 and not getattr(transformer, 'adapted', None):
            attention = _class_attention(last.attn, attended)
        regions: tuple[ExplainedRegion, ...] = ()
        parts = _NO_PARTS
        if gem is not None:
            points = _deformed(net, tokens)
            weight: NDArray[np.float32] | None = _split(net, points, grid, gem, heard[gem])
            if isinstance(net, (D2VPR, CricaVPR)):
                regions = _regions(points)
                parts = output.descriptor[0].reshape(1 + len(regions), -1).numpy()
        else:
            weight = None if net is transformer else _turn_when_blurred(net, image)
        features = _response(tokens[0, -(grid**2) :], attention if weight is None else weight)
        return Explanation(weight, attention, features, regions, parts)


def _backbone(model: str, weights: str | Path | None) -> ModelSpec | None:
    """Return a backbone with its file; None where there is none of this name."""
    if weights is not None or model not in set(models.registered()) - set(models.names()):
        return None
    return replace(models.registration(model), file=models.find_weights(model))


def _pooling(net: nn.Module) -> GeM | None:
    """Return the generalised mean that the descriptor, or else the code, is pooled by."""
    for branch in ('aggregation', 'aggregation_hashing'):
        if isinstance(pooled := getattr(net, branch, None), Aggregation):
            return cast('GeM', pooled[1])
    return None


def _split(
    net: nn.Module, points: Tensor | None, grid: int, gem: GeM, heard: tuple[Any, Any]
) -> NDArray[np.float32]:
    """Return the weight of each part of the image in what was pooled."""
    (features, means), pooled = heard
    if means is None:
        means = torch.full((1, features.shape[1]), 1 / features.shape[1])
    shares = _shares(features[0], means, pooled.reshape(len(means), -1), gem)
    even = means.mean(0)
    if points is None:
        return _even(shares.reshape(grid, grid), even.reshape(grid, grid))
    base = cast('DeformableRegions', net.regions).base
    return _even(_on_grid(shares, points, grid), _on_grid(even, base, grid))


def _response(patches: Tensor, like: NDArray[np.float32] | None) -> NDArray[np.float32]:
    """Return the mean (G, G) of the channels of patches (G², D), turned to go with a picture."""
    grid = math.isqrt(len(patches))
    mean = patches.float().mean(1).reshape(grid, grid).numpy()
    if like is not None:
        other = cv2.resize(like, (grid, grid), interpolation=cv2.INTER_AREA)
        if ((mean - mean.mean()) * (other - other.mean())).sum() < 0:
            mean = -mean
    spread = float(np.ptp(mean)) or 1.0
    return np.asarray((mean - mean.min()) / spread, np.float32)


def agreement(one: Explanation, other: Explanation) -> NDArray[np.float32]:
    """Return the cosine between the same parts of two descriptors, the whole image's first.

    Empty where the descriptors are not made of parts.
    """
    products = (one.parts * other.parts).sum(1)
    norms = np.linalg.norm(one.parts, axis=1) * np.linalg.norm(other.parts, axis=1)
    return np.asarray(products / np.maximum(norms, 1e-12), np.float32)


@contextmanager
def _listening(*modules: nn.Module) -> Iterator[dict[nn.Module, tuple[Any, Any]]]:
    """Note the arguments and the result of each module's last call."""
    heard: dict[nn.Module, tuple[Any, Any]] = {}

    def note(module: nn.Module, arguments: Any, result: Any) -> None:
        heard[module] = arguments, result

    handles = [module.register_forward_hook(note) for module in modules]
    try:
        yield heard
    finally:
        for handle in handles:
            handle.remove()


def _class_attention(attention: Attention, tokens: Tensor) -> NDArray[np.float32]:
    """Return the attention of the class token on each patch of (1, 1 + N, D), as (G, G)."""
    qkv = attention.qkv(tokens).unflatten(-1, (3, attention.heads, -1))
    query, key, _ = qkv.permute(2, 0, 3, 1, 4)[:, 0]
    scores = query[:, :1] @ key.transpose(1, 2) / math.sqrt(query.shape[-1])
    heeded = scores.softmax(-1).mean(0)[0, 1:]
    grid = math.isqrt(len(heeded))
    return cast('NDArray[np.float32]', (heeded / heeded.sum()).reshape(grid, grid).numpy())


def _deformed(net: nn.Module, tokens: Tensor) -> Tensor | None:
    """Return the sampled points (P, 2) of an image's regions; None if nothing is deformed."""
    if not isinstance(net, D2VPR) or not isinstance(net.regions, DeformableRegions):
        return None
    return net.regions.deform(net.offset_generator(tokens_to_map(tokens), tokens[:, 0]))[0]


def _regions(points: Tensor | None) -> tuple[ExplainedRegion, ...]:
    plain = [region.points() for region in REGIONS]
    moved = plain if points is None else torch.split(points, [len(group) for group in plain])
    return tuple(
        ExplainedRegion(*(part.reshape(region.rows, region.columns, 2).numpy() for part in pair))
        for region, *pair in zip(REGIONS, plain, moved, strict=True)
    )


def _shares(features: Tensor, means: Tensor, pooled: Tensor, gem: GeM) -> Tensor:
    """Return the share (N,) of each position in the energy of the pooled features.

    Args:
        features: (N, C), input of the generalised mean.
        means: (R, N), see `GeM.forward`.
        pooled: (R, C), its output.
        gem: Whose exponent it was.
    """
    powers = features.float().clamp(min=gem.eps).pow(gem.p)
    energy = pooled.square() / (means @ powers)
    shares = ((means.T @ energy) * powers).sum(1)
    return shares / shares.sum()


def _on_grid(shares: Tensor, points: Tensor, grid: int) -> Tensor:
    """Return shares (N,) of points (N, 2) in [0, 1] as (grid, grid)."""
    at = points * (grid - 1)
    low = at.floor().clamp(max=grid - 2)
    beyond = at - low
    total = torch.zeros(grid * grid)
    for right in (0, 1):
        for down in (0, 1):
            x = beyond[:, 0] if right else 1 - beyond[:, 0]
            y = beyond[:, 1] if down else 1 - beyond[:, 1]
            cell = (low[:, 1] + down) * grid + low[:, 0] + right
            total.index_add_(0, cell.long(), shares * x * y)
    return total.reshape(grid, grid)


def _even(shares: Tensor, expected: Tensor) -> NDArray[np.float32]:
    """Return shares (G, G) over those of an image that is the same everywhere, summing to one."""
    # Slightly blurred, for points that fall between the cells of the grid.
    seen, even = (cv2.GaussianBlur(part.numpy(), (0, 0), 0.8) for part in (shares, expected))
    ratio = seen / even
    return cast('NDArray[np.float32]', ratio / ratio.sum())


def _turn_when_blurred(net: nn.Module, image: Tensor) -> NDArray[np.float32]:
    """Return how far the descriptor turns when a cell of the image loses its detail."""
    size = image.shape[2:]
    reach = size[1] // _CELLS
    padded = functional.pad(image, (reach,) * 4, mode='reflect')
    change = functional.avg_pool2d(padded, 2 * reach + 1, stride=1) - image
    whole = net(image).descriptor
    cells = torch.eye(_CELLS**2).reshape(-1, 1, 1, _CELLS, _CELLS)
    turns = []
    # One at a time: fetching the memory for a batch takes longer than the computation.
    for cell in cells:
        # Without sharp borders, which would be detail of their own.
        blurred = image + functional.interpolate(cell, size=size, mode='bilinear') * change
        turns.append(1 - (net(blurred).descriptor * whole).sum(1))
    turned = torch.cat(turns).clamp(min=0) + 1e-9
    return cast('NDArray[np.float32]', (turned / turned.sum()).reshape(_CELLS, _CELLS).numpy())
