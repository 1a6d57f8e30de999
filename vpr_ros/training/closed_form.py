# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Fits the heads of our own networks without gradients, on the features of their trunk.

Half-whitened principal components (eigenvalues to the power of -1/4) of each group of features,
k-means for VLAD's centres, iterative quantization for the codes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from vpr_ros import models
from vpr_ros.describe.preprocess import normalised, resize
from vpr_ros.describe.runtime import configure_threads
from vpr_ros.maps.coder import ItqCoder, one_thread
from vpr_ros.models.model_card import plain
from vpr_ros.models.nano import Nano
from vpr_ros.models.weights_file import compact, save_weights
from vpr_ros.training.data import Augmentation, open_source
from vpr_ros.training.overriding import RecipeError
from vpr_ros.training.pca import draw
from vpr_ros.training.recipe import ModelRecipe  # noqa: TC001  read by parse()
from vpr_ros.training.trainable_network import initial_network, trained_card, trained_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

    from vpr_ros.models.model_spec import HashHead
    from vpr_ros.models.nano import HardVlad

_BATCH = 4
"""Larger batches do not fit into the caches of a CPU and take longer."""
_ROUNDS = 25
_LEAST = 1e-9
_AT_ONCE = 512


@dataclass(frozen=True)
class FitSource:
    """Images to fit on.

    Attributes:
        source: Options of `data.open_source`.
        images: Of it, at most; drawn from all views.
        augmented: Whether each is seen augmented, too.
    """

    source: dict[str, Any]
    images: int
    augmented: bool = False


@dataclass(frozen=True)
class FitRecipe:
    """How to find the heads of d2vpr-nano and its like.

    Attributes:
        recipe: Its kind.
        model: The network, with the weights of its trunk.
        data: Images.
        shares: Of the groups of features in the descriptor, in the order of `Nano.groups`.
        augmentation: Fields of `data.Augmentation`.
        whitening: Power of the eigenvalues: 0 for plain components, -0.5 for white ones.
        positions: Of each image, for VLAD's statistics and centres.
        int8: Parts of the network that the file holds in int8, the others in float16.
        seed: Of draws, augmentation and k-means.
        threads: On the CPU; 0 for all. Another number may change last bits.
    """

    recipe: Literal['fit']
    model: ModelRecipe
    data: tuple[FitSource, ...]
    shares: tuple[float, ...]
    augmentation: dict[str, Any] = field(default_factory=dict)
    whitening: float = -0.25
    positions: int = 32
    int8: tuple[str, ...] = ('heads', 'hash_head')
    seed: int = 0
    threads: int = 0


def fit_heads(recipe: FitRecipe, path: Path, progress: Callable[[int, int], None]) -> Nano:
    """Fit all heads and write the network's weights as safetensors.

    Args:
        recipe: The recipe.
        path: File to write.
        progress: Told how many images are described, of how many.

    Returns:
        The network as the file holds it.

    Raises:
        RecipeError: The network has no such heads, the shares are not as many as its groups, or
            there are too few images.
        ModelError: The model is unknown.
    """
    configure_threads(recipe.threads or None)
    net = initial_network(recipe.model, recipe.seed)
    if not isinstance(net, Nano) or len(recipe.shares) != len(net.shares):
        names = ', '.join(net.heads) if isinstance(net, Nano) else 'none'
        msg = f'shares must be one number for each group of {recipe.model.name}: {names}'
        raise RecipeError(msg)
    net.eval().requires_grad_(False)  # noqa: FBT003
    with torch.inference_mode():
        # The heads are fitted to the features that the file will give, and the codes to the heads.
        net.load_state_dict(models.plain_state(compact(net, recipe.int8)))
        seen = _describe(net, recipe, progress)
        net.shares.copy_(torch.tensor(recipe.shares))
        cells, whole, middle = seen.features
        net.mean.copy_(whole[: seen.clean].mean(0))
        spread = (cells - whole[:, None])[: seen.clean].std((0, 1))
        net.scale.copy_(1 / spread.clamp(min=_LEAST))
        if net.vlad is not None:
            _fit_vlad(net.vlad, middle, recipe)
        parts = zip(*(torch.split(values, _AT_ONCE) for values in seen.features), strict=True)
        groups = [net.groups(*(values.float() for values in part)) for part in parts]
        for name, head in net.heads.items():
            _fit_projection(
                cast('nn.Linear', head), torch.cat([g[name] for g in groups]), recipe.whitening
            )
        net.load_state_dict(models.plain_state(compact(net, recipe.int8)))
        _fit_codes(net.hash_head, torch.cat([net.join(group) for group in groups]), recipe.seed)
    state = compact(net, recipe.int8)
    save_weights(path, state, trained_card(recipe.model, net, recipe=plain(recipe)))
    net.load_state_dict(models.plain_state(state))
    return net


class _Seen(NamedTuple):
    """The `Nano.features` of all images: first as they are, then augmented."""

    features: tuple[Tensor, Tensor, Tensor]
    clean: int


def _describe(net: Nano, recipe: FitRecipe, progress: Callable[[int, int], None]) -> _Seen:
    size = recipe.model.size or trained_model(recipe.model).input_size
    augment = Augmentation.of(recipe.augmentation)
    generator = torch.Generator().manual_seed(recipe.seed)
    drawn = [
        (source, view, wanted.augmented)
        for wanted in recipe.data
        for source in [open_source(wanted.source)]
        # In their order, since towns render views in one light after the other fastest.
        for view in sorted(draw(source, wanted.images, recipe.seed), key=lambda v: v[::-1])
    ]
    # Of fewer, some components would have no variance to be scaled by.
    least = max(head.out_features for head in net.heads.values() if isinstance(head, nn.Linear))
    if len(drawn) <= least:
        msg = f'{len(drawn)} images are too few for {least} components: give more than that'
        raise RecipeError(msg)
    clean: list[tuple[Tensor, ...]] = []
    augmented: list[tuple[Tensor, ...]] = []
    for start in range(0, len(drawn), _BATCH):
        views = drawn[start : start + _BATCH]
        pixels = torch.cat([resize([source.image(*view)], size) for source, view, _ in views])
        images = pixels.float() / 255
        clean.append(_half(net.features(normalised(images))))
        chosen = images[torch.tensor([twice for _, _, twice in views])]
        if len(chosen):
            augmented.append(_half(net.features(normalised(augment(chosen, generator)))))
        progress(min(start + _BATCH, len(drawn)), len(drawn))
    cells, whole, middle = map(torch.cat, zip(*clean, *augmented, strict=True))
    return _Seen((cells, whole, middle), len(drawn))


def _half(features: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, ...]:
    """Return features whose positions, by far the most, take half the memory."""
    cells, whole, middle = features
    return cells, whole, middle.half()


def _fit_vlad(vlad: HardVlad, middle: Tensor, recipe: FitRecipe) -> None:
    """Find the statistics, the principal directions and the centres of positions."""
    rng = np.random.default_rng(recipe.seed)
    count = middle.shape[2] * middle.shape[3]
    chosen = torch.from_numpy(rng.permuted(np.tile(np.arange(count), (len(middle), 1)), axis=1))
    chosen = chosen[:, None, : recipe.positions].expand(-1, middle.shape[1], -1)
    sample = middle.flatten(2).gather(2, chosen).float().transpose(1, 2).flatten(0, 1)
    vlad.mean.copy_(sample.mean(0))
    vlad.scale.copy_(1 / sample.std(0).clamp(min=_LEAST))
    unit = functional.normalize((sample - vlad.mean) * vlad.scale, dim=-1)
    _, vectors = _components(unit.double().T @ unit.double())
    vlad.projection.copy_(vectors.flip(1)[:, : vlad.projection.shape[1]])
    vlad.centres.copy_(_centres(unit @ vlad.projection, len(vlad.centres), rng))


def _centres(points: Tensor, number: int, rng: np.random.Generator) -> Tensor:
    """Return the centres of Lloyd's k-means; one that loses its points starts anew."""
    centres = points[rng.choice(len(points), number, replace=False)]
    for _ in range(_ROUNDS):
        nearest = (2 * points @ centres.T - centres.square().sum(1)).argmax(1)
        member = functional.one_hot(nearest, number).float()
        counts = member.sum(0)[:, None]
        fresh = points[rng.choice(len(points), number, replace=False)]
        centres = torch.where(counts > 0, member.T @ points / counts.clamp(min=1), fresh)
    return centres


def _components(products: Tensor) -> tuple[Tensor, Tensor]:
    """Return the eigenvalues, ascending, and the eigenvectors of a symmetric matrix."""
    with one_thread():
        values, vectors = np.linalg.eigh(products.numpy())
    return torch.from_numpy(values), torch.from_numpy(vectors)


def _fit_projection(head: nn.Linear, values: Tensor, whitening: float) -> None:
    """Find the principal components of values (N, D), scaled by a power of their variance."""
    mean = values.double().mean(0)
    centred = values.double() - mean
    variances, vectors = _components(centred.T @ centred / len(centred))
    largest = slice(-head.out_features, None)
    scale = variances[largest].clamp(min=_LEAST) ** whitening
    weight = (vectors[:, largest] * scale).T.flip(0)
    head.weight.copy_(weight)
    head.bias.copy_(-weight @ mean)


def _fit_codes(head: HashHead, descriptors: Tensor, seed: int) -> None:
    """Find a rotation of the principal components whose signs lose least."""
    coder = ItqCoder.fit(descriptors.numpy(), head.linear.out_features, seed)
    weight = torch.from_numpy(coder.projection).T
    head.linear.weight.copy_(weight)
    head.linear.bias.copy_(-weight @ torch.from_numpy(coder.mean))
