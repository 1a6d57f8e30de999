# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From what a user names, a model or a file, to a network with its weights."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from vpr_ros import models
from vpr_ros.describe.foreign import SUFFIXES, foreign_digest, foreign_spec
from vpr_ros.describe.onnx_extra import onnx_extra
from vpr_ros.errors import ModelError
from vpr_ros.models.model_card import card_beside, card_from_json
from vpr_ros.models.weights_file import described_by, read_network
from vpr_ros.registries import model_file, no_model
from vpr_ros.types import ModelInfo

if TYPE_CHECKING:
    from torch import nn

    from vpr_ros.describe.onnx_export import OnnxNetwork
    from vpr_ros.models import ModelSpec
    from vpr_ros.models.model_card import ModelCard

_log = logging.getLogger(__name__)

_SEED = 0


def resolve(model: str, weights: str | Path | None = None, size: int = 0) -> ModelSpec:
    """Return a model by its name or its file, as its file describes it.

    Args:
        model: One of `models.names`; a file of weights with a model card, of `vpr export`, or of
            another network with its card; or the name of such a file in the user's weights
            folder, without its ending.
        weights: A file of weights of the named model; None for those found.
        size: Side in pixels of the square input; 0 for that of the model.

    Raises:
        ModelError: There is no such model or file, its card cannot be understood, or no image has
            such a size.
    """
    return sized(_named(model, weights), size)


def sized(entry: ModelSpec, size: int) -> ModelSpec:
    """Return a model with a square input of this side in pixels; 0 for its own.

    Raises:
        ModelError: No image has such a size.
    """
    if not size:
        return entry
    try:
        rule = replace(entry.preprocessing, height=size, width=0)
    except ValueError as error:
        raise ModelError(str(error)) from error
    return replace(entry, preprocessing=rule)


def _named(model: str, weights: str | Path | None) -> ModelSpec:
    if model in models.names():
        path = models.find_weights(model) if weights is None else Path(weights).expanduser()
        return _described(models.spec(model), path)
    file = model_file(model)
    if file is None:
        msg = (
            f'{no_model(model, models.names())}. One of your own is named by its file, or lies in '
            f'{models.weights_folder()}'
        )
        raise ModelError(msg)
    if weights is not None:
        msg = f'{model} is a file with its own weights: leave {weights} out'
        raise ModelError(msg)
    return _of_file(file)


def _described(entry: ModelSpec, path: Path | None) -> ModelSpec:
    """Return a registered model as the card of its file describes it, if that has one."""
    card = described_by(path) if path is not None and path.is_file() else None
    if card is None or path is None:
        return replace(entry, file=path)
    if card.model != entry.name:
        msg = f'{path} holds weights of {card.model}, not of {entry.name}: name the file as model'
        raise ModelError(msg)
    return card.applied(entry, path)


def _of_file(path: Path) -> ModelSpec:
    if path.suffix == '.yaml':
        files = [path.with_suffix(ending) for ending in SUFFIXES]
        file = next((each for each in files if each.is_file()), None)
        if file is None:
            msg = f'{path} is a card without a network: there is no {path.stem}.onnx, .pt or .ts'
            raise ModelError(msg)
        return _foreign(card_beside(path), file)
    if path.suffix in SUFFIXES:
        beside = path.with_suffix('.yaml')
        if beside.is_file():
            return _foreign(card_beside(beside), path)
        if path.suffix == '.onnx':
            return _exported(path, beside)
        msg = (
            f'{path} has no model card: write {beside} for a TorchScript network, or name the '
            'network and give the file as weights'
        )
        raise ModelError(msg)
    own = described_by(path)
    if own is None:
        msg = f'{path} has no model card: name the network, and give the file as weights'
        raise ModelError(msg)
    return _described(models.spec(own.model), path)


def _foreign(card: ModelCard, file: Path) -> ModelSpec:
    if card.model != SUFFIXES[file.suffix]:
        msg = f'{file}: `model` of its card must be {SUFFIXES[file.suffix]}, not {card.model}'
        raise ModelError(msg)
    return foreign_spec(card, file)


def _exported(path: Path, beside: Path) -> ModelSpec:
    try:
        card = card_from_json(exported_network(path, 1).card, str(path))
    except ModelError as error:
        msg = f'{error}. A network of others needs a model card, {beside}'
        raise ModelError(msg) from error
    return card.applied(models.spec(card.model), path)


def card_for(entry: ModelSpec) -> ModelCard | None:
    """Return what the file of a model says about it; None where it says nothing.

    Raises:
        ModelError: It cannot be understood.
    """
    if entry.file is None:
        return None
    return (
        card_beside(entry.file.with_suffix('.yaml')) if entry.foreign else described_by(entry.file)
    )


def exported_network(path: str | Path, threads: int) -> OnnxNetwork:
    """Return the network in a file of `vpr export`.

    Raises:
        ModelError: It is none, or the packages that it needs are missing.
    """
    with onnx_extra(path):
        from vpr_ros.describe.onnx_export import OnnxNetwork  # noqa: PLC0415
    return OnnxNetwork(path, threads)


def load_network(entry: ModelSpec) -> tuple[nn.Module, str]:
    """Return a network in evaluation mode with its weights, and their identity.

    Args:
        entry: Of `resolve`.

    Raises:
        ModelError: The weights are missing, damaged or of another network.
    """
    if entry.foreign and entry.file is not None:
        network = entry.make().eval()
        return network, foreign_digest(entry.file, str(network.codes))
    if entry.weightless and not entry.projection:
        if entry.file is not None:
            msg = f'{entry.name} is a formula without weights: leave {entry.file} out'
            raise ModelError(msg)
        return models.create(entry.name), 'none'
    if entry.onnx_file is not None:
        network = exported_network(entry.onnx_file, 1)
        return network, network.info.weights_id
    if entry.file is not None:
        net = read_network(entry, entry.file)[1]
        return net, models.fingerprint(net)
    if not entry.untrained:
        msg = (
            f'the weights of {entry.name} are not on this machine: run `vpr weights fetch '
            f'{entry.name}`, or pass a file of them as weights'
        )
        raise ModelError(msg)
    _log.warning(
        '%s has no trained weights yet: its random weights tell places apart poorly', entry.name
    )
    return models.create(entry.name, seed=_SEED), f'untrained-seed-{_SEED}'


def load_described(entry: ModelSpec) -> tuple[nn.Module, ModelInfo]:
    """Return a network in evaluation mode with its weights, and its `ModelInfo`.

    Raises:
        ModelError: The weights are missing, damaged or of another network.
    """
    net, weights_id = load_network(entry)
    return net, info_of(net, entry, weights_id)


def info_of(net: nn.Module, entry: ModelSpec, weights_id: str) -> ModelInfo:
    """Return the identity of a network, which takes a forward pass."""
    with torch.inference_mode():
        probe = net(torch.zeros(1, 3, *entry.preprocessing.shape))
    return model_info(entry, weights_id, probe)


def model_info(entry: ModelSpec, weights_id: str, probe: models.ModelOutput) -> ModelInfo:
    """Return the identity of a network that gave this output.

    Raises:
        ModelError: It is not finite; those of others have been tried on pictures already.
    """
    if not entry.foreign and not torch.isfinite(probe.descriptor).all():
        msg = (
            f'{entry.file or entry.name} describes nothing: its descriptors are not finite, so '
            'its weights, or what their card says of its input, are damaged'
        )
        raise ModelError(msg)
    return ModelInfo(
        name=entry.name,
        weights_id=weights_id,
        descriptor_dim=probe.descriptor.shape[1],
        code_bits=0 if probe.code is None else probe.code.shape[1],
        preprocessing=entry.preprocessing.id,
        trained=not weights_id.startswith('untrained'),
    )
