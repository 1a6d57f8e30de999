# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Principal components of a network's descriptors, to shorten them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from vpr_ros.describe.loading import load_described, load_network, resolve
from vpr_ros.describe.preprocess import preprocess
from vpr_ros.documents import DocumentError, json_of
from vpr_ros.errors import ModelError, reason_of
from vpr_ros.maps.coder import PcaReducer
from vpr_ros.models.model_card import KEY, ModelCard, card_of
from vpr_ros.models.projected import Projected
from vpr_ros.models.weights_file import described_by, save_weights, whole_file
from vpr_ros.training.data import open_source
from vpr_ros.training.overriding import RecipeError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vpr_ros.models import ModelSpec
    from vpr_ros.training.data import PlaceSource

_ROUNDING = 1e-3
"""By which a unit length may differ in float32."""


@dataclass(frozen=True)
class PcaRecipe:
    """How to shorten descriptors.

    Attributes:
        recipe: Its kind.
        model: Name in the registry, or a file.
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
        ModelError: The model is unknown, has no weights or cannot be projected.
    """
    entry = _projectable(recipe.model, recipe.weights or None)
    net, weights_id = load_network(entry)
    source = open_source(recipe.source)
    chosen = draw(source, recipe.images, recipe.seed)
    rows = []
    with torch.inference_mode():
        for i in range(0, len(chosen), recipe.batch):
            images = [source.image(*view) for view in chosen[i : i + recipe.batch]]
            rows.append(net(preprocess(images, entry.preprocessing)).descriptor.numpy())
            progress(min(i + recipe.batch, len(chosen)), len(chosen))
    descriptors = np.concatenate(rows)
    if len(descriptors) < recipe.dim:
        msg = f'{recipe.dim} components need as many images; the source has {len(descriptors)}'
        raise RecipeError(msg)
    try:
        reducer = PcaReducer.fit(descriptors, recipe.dim, recipe.seed)
    except ValueError as error:
        raise RecipeError(str(error)) from error
    about = {'model': entry.name, 'weights': weights_id, 'id': reducer.id}
    arrays = {'mean': reducer.mean, 'projection': np.ascontiguousarray(reducer.projection)}
    with whole_file(path) as unfinished:
        save_file(arrays, unfinished, {KEY: json.dumps(about, sort_keys=True)})
    return reducer


def read_pca(path: Path) -> tuple[PcaReducer, dict[str, str]]:
    """Return the components in a file of `fit_pca`, and ``model``, ``weights`` and ``id``.

    Raises:
        ModelError: The file is damaged or none of these.
    """
    try:
        with safe_open(path, 'numpy') as file:
            about = json_of((file.metadata() or {})[KEY])
            reducer = PcaReducer(file.get_tensor('mean'), file.get_tensor('projection'))
        (length, dim), (own,) = reducer.projection.shape, reducer.mean.shape
        if not dim <= length == own:
            msg = f'components {reducer.projection.shape} for a mean of {own} values'
            raise ValueError(msg)  # noqa: TRY301
        if not _of_unit_vectors(reducer):
            msg = 'its components are not of unit length, or its mean is none of descriptors'
            raise ValueError(msg)  # noqa: TRY301
        return reducer, {key: str(about[key]) for key in ('model', 'weights', 'id')}
    except (OSError, SafetensorError, KeyError, ValueError, TypeError, DocumentError) as error:
        msg = f'{path} is no file of `vpr train pca`: {reason_of(error)}'
        raise ModelError(msg) from error


def _of_unit_vectors(reducer: PcaReducer) -> bool:
    """Return whether its numbers can be those of a fit to descriptors, which have unit norm."""
    most = 1 + _ROUNDING
    # Before any square, which may overflow; no comparison holds for NaN.
    if not all((np.abs(each) <= most).all() for each in (reducer.mean, reducer.projection)):
        return False
    lengths = np.linalg.norm(reducer.projection, axis=0)
    return bool(np.linalg.norm(reducer.mean) <= most and (abs(lengths - 1) <= _ROUNDING).all())


def _projectable(model: str, weights: str | Path | None) -> ModelSpec:
    """Return a model whose descriptors can be projected; the message names any other."""
    entry = resolve(model, weights)
    random = entry.untrained and entry.file is None
    if random or entry.foreign or entry.weightless or entry.projection or entry.onnx_file:
        msg = f'{model} cannot be projected: name a network of ours that has weights, as trained'
        raise ModelError(msg)
    return entry


def project_model(
    model: str, weights: Path | None, pca: Path, dim: int, target: Path
) -> ModelCard:
    """Write a model whose descriptors are shortened by principal components.

    Args:
        model: Registered name, or a file.
        weights: A file of weights of the named model; None for those found.
        pca: File of `fit_pca`, made with this model and these weights.
        dim: Length of the shortened descriptors, at most that of the file.
        target: Weights file to write.

    Returns:
        The card of the written model.

    Raises:
        ModelError: The model, its weights or the components are missing or of another model, or
            the model cannot be projected.
        OSError: The file cannot be written.
    """
    entry = _projectable(model, weights)
    reducer, about = read_pca(pca)
    net, info = load_described(entry)
    length, longest = reducer.projection.shape
    if about['weights'] != info.weights_id:
        msg = f'{pca} was fitted with other weights, those of {about["model"]} at that time'
        raise ModelError(msg)
    if length != info.descriptor_dim:
        msg = f'{pca} is for {length} values, and {model} gives {info.descriptor_dim}'
        raise ModelError(msg)
    if not 1 <= dim <= longest:
        msg = f'{pca} has {longest} components: ask for 1 to {longest}, not {dim}'
        raise ModelError(msg)
    known = (described_by(entry.file) if entry.file else None) or ModelCard(entry.registered)
    entry = replace(entry, projection=(length, dim))
    projected = Projected(net, (length, dim))
    projected.projection.load_state_dict(
        {
            'mean': torch.from_numpy(reducer.mean),
            'directions': torch.from_numpy(reducer.projection[:, :dim].T.copy()),
        }
    )
    card = card_of(entry, projected, replace(known, name=f'{entry.name}-{dim}'))
    save_weights(target, projected.state_dict(), card)
    return card


def draw(source: PlaceSource, number: int, seed: int) -> list[tuple[int, int]]:
    """Return so many views of places, or all, in random order."""
    places = chain.from_iterable(source.areas)
    views = [(place, view) for place in places for view in range(source.views(place))]
    order = np.random.default_rng(seed).permutation(len(views))[:number]
    return [views[i] for i in order]
