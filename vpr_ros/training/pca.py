# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Principal components of a network's descriptors, to shorten them."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from safetensors.numpy import save_file

from vpr_ros import models
from vpr_ros.describe.describer import load_network
from vpr_ros.describe.preprocess import preprocess
from vpr_ros.maps.coder import PcaReducer
from vpr_ros.training.data import open_source
from vpr_ros.training.overriding import RecipeError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vpr_ros.training.data import PlaceSource


@dataclass(frozen=True)
class PcaRecipe:
    """How to shorten descriptors.

    Attributes:
        recipe: Its kind.
        model: Name in the registry.
        source: Options of `data.open_source`.
        dim: Length of the shortened descriptors.
        images: To fit on, at most; drawn from all views.
        weights: File; empty for those found by name.
        batch: Images at a time: for an encoder across images the batch size of inference.
        seed: Seed of the draw.
    """

    recipe: Literal['pca']
    model: str
    source: dict[str, Any] = field(default_factory=dict)
    dim: int = 4096
    images: int = 16384
    weights: str = ''
    batch: int = 8
    seed: int = 0


def fit_pca(recipe: PcaRecipe, path: Path, progress: Callable[[int, int], None]) -> PcaReducer:
    """Fit on descriptors of images, and write `mean` and `projection` as safetensors.

    Args:
        recipe: The recipe.
        path: File to write; its metadata name the model and the weights it is for.
        progress: Told how many images are described, of how many.

    Raises:
        RecipeError: There are too few images, or the descriptors are no longer than asked for.
        ModelError: The model is unknown or has no weights.
    """
    entry = models.spec(recipe.model)
    net, weights_id = load_network(entry, recipe.weights or None)
    source = open_source(recipe.source)
    chosen = draw(source, recipe.images, recipe.seed)
    rows = []
    with torch.inference_mode():
        for i in range(0, len(chosen), recipe.batch):
            images = [source.image(*view) for view in chosen[i : i + recipe.batch]]
            rows.append(net(preprocess(images, entry.input_size)).descriptor.numpy())
            progress(min(i + recipe.batch, len(chosen)), len(chosen))
    descriptors = np.concatenate(rows)
    if len(descriptors) < recipe.dim:
        msg = f'{recipe.dim} components need as many images; the source has {len(descriptors)}'
        raise RecipeError(msg)
    try:
        reducer = PcaReducer.fit(descriptors, recipe.dim, recipe.seed)
    except ValueError as error:
        raise RecipeError(str(error)) from error
    metadata = {'model': recipe.model, 'weights': weights_id, 'id': reducer.id}
    arrays = {'mean': reducer.mean, 'projection': np.ascontiguousarray(reducer.projection)}
    save_file(arrays, path, metadata)
    return reducer


def draw(source: PlaceSource, number: int, seed: int) -> list[tuple[int, int]]:
    """Return so many views of places, or all, in random order."""
    places = chain.from_iterable(source.areas)
    views = [(place, view) for place in places for view in range(source.views(place))]
    order = np.random.default_rng(seed).permutation(len(views))[:number]
    return [views[i] for i in order]
