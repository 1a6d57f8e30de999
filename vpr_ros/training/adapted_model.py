# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Writes a network with a fitted projection and codes behind it, as a model of its own.

A network of ours becomes weights with a projection. One of others stays one of others: its graph
gets the projection as its last operations, and a card of its own.
"""

from __future__ import annotations

import warnings
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import yaml
from torch import Tensor, nn

from vpr_ros.describe.foreign import SUFFIXES
from vpr_ros.describe.loading import card_for
from vpr_ros.describe.onnx_extra import onnx_extra
from vpr_ros.maps import changed_copy
from vpr_ros.models.model_card import ModelCard, card_of
from vpr_ros.models.projected import Projected
from vpr_ros.models.weights_file import described_by, save_weights, whole_file
from vpr_ros.training.held_out import AdaptationError

if TYPE_CHECKING:
    from pathlib import Path

    from vpr_ros.models.model_spec import ModelSpec
    from vpr_ros.training.adapting import Adaptation
    from vpr_ros.types import ModelInfo

_PORTION = 4096
"""Places that are in memory at once."""


def require_adaptable(entry: ModelSpec) -> str:
    """Return the ending of the file that an adapted model of a network becomes.

    Raises:
        AdaptationError: It is an exported network, or one whose descriptors depend on the batch.
    """
    if entry.foreign and entry.file is not None:
        return entry.file.suffix
    if entry.onnx_file:
        msg = (
            f'{entry.onnx_file} is an exported network, which holds no weights to change: adapt '
            'the model that it was exported from, and export the adapted one'
        )
        raise AdaptationError(msg)
    if entry.batch_dependent:
        msg = f'{entry.name} cannot be adapted: its descriptors depend on the others of a batch'
        raise AdaptationError(msg)
    return '.safetensors'


def write_adapted(
    entry: ModelSpec,
    net: nn.Module,
    adaptation: Adaptation,
    path: Path,
    figures: dict[str, Any],
) -> ModelCard:
    """Write a model with a fitted projection and codes.

    Args:
        entry: The model.
        net: Its network, with the weights that descriptors were made with.
        adaptation: What is put behind it.
        path: With the ending of `require_adaptable`.
        figures: For the card.

    Raises:
        AdaptationError: The graph of a network of others cannot be continued.
        ModelError: It is an ONNX file, and the packages for these are missing.
        OSError: The file cannot be written.
    """
    own = card_for(entry) if entry.foreign else described_by(entry.file) if entry.file else None
    card = replace(own or ModelCard(entry.registered), name=path.stem, figures=figures)
    if entry.foreign:
        return _write_foreign(entry, net, adaptation, path, card)
    mean, matrix = adaptation.mean, adaptation.matrix.T
    if isinstance(net, Projected):  # two projections without a mean between are one
        before = net.projection
        mean = before.mean.detach().double().numpy()
        matrix, net = matrix @ before.directions.detach().double().numpy(), net.net
    lengths = matrix.shape[1], matrix.shape[0]
    bits = len(adaptation.head[1])
    adapted = _behind(net, adaptation, mean, matrix)
    entry = replace(entry, projection=lengths, projection_bits=bits)
    card = card_of(entry, adapted, card)
    save_weights(path, adapted.state_dict(), card)
    return card


def _behind(net: nn.Module, adaptation: Adaptation, mean: Any, directions: Any) -> Projected:
    weight, bias = adaptation.head
    adapted = Projected(net, (directions.shape[1], directions.shape[0]), len(bias))
    values = {
        'projection.mean': mean,
        'projection.directions': directions,
        'hash_head.linear.weight': weight,
        'hash_head.linear.bias': bias,
    }
    state = {key: torch.from_numpy(np.array(v, np.float32)) for key, v in values.items()}
    adapted.load_state_dict({f'net.{k}': v for k, v in net.state_dict().items()} | state)
    return adapted.eval()


def _write_foreign(
    entry: ModelSpec, net: nn.Module, adaptation: Adaptation, path: Path, card: ModelCard
) -> ModelCard:
    dim, bits = adaptation.matrix.shape[1], len(adaptation.head[1])
    with whole_file(path) as unfinished:
        if SUFFIXES[path.suffix] == 'onnx':
            codes = _continued_graph(entry, adaptation, unfinished, card)
        else:
            codes = '1'
            adapted = _behind(net, adaptation, adaptation.mean, adaptation.matrix.T)
            black = torch.zeros(1, 3, *entry.preprocessing.shape)
            trace: Any = torch.jit.trace
            with warnings.catch_warnings():  # deprecated, and what such files are made by
                warnings.simplefilter('ignore')
                contents = trace(_Outputs(adapted), black).save_to_buffer()
            unfinished.write_bytes(contents)  # save() ends the process where the disk is full
    card = replace(card, descriptor_dim=dim, codes=codes, code_bits=bits)
    with whole_file(path.with_suffix('.yaml')) as unfinished:
        text = yaml.safe_dump(card.said(), sort_keys=False, allow_unicode=True)
        unfinished.write_text(text, encoding='utf-8')
    return card


class _Outputs(nn.Module):
    """Gives descriptor and logits as a pair, as TorchScript of others does."""

    def __init__(self, net: Projected) -> None:
        super().__init__()
        self.net = net

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        output = self.net(images)
        return output.descriptor, output.logits


def _continued_graph(entry: ModelSpec, adaptation: Adaptation, path: Path, card: ModelCard) -> str:
    """Write an ONNX file with the projection as its last operations; return the logits' name."""
    with onnx_extra('adapting an ONNX network'):
        import onnx  # noqa: PLC0415
        from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415
    graph_of = onnx.load(entry.file)
    graph = graph_of.graph
    taken = {name for node in graph.node for name in (*node.input, *node.output)}
    taken |= {value.name for value in (*graph.input, *graph.output, *graph.initializer)}
    number = next(n for n in range(len(taken) + 1) if f'adapted{n}' not in taken)
    prefix = f'adapted{number}'
    found = next(each.name for each in graph.output if each.name != card.codes)
    weight, bias = adaptation.head
    constants = {
        'mean': adaptation.mean,
        'matrix': adaptation.matrix,
        'weight': weight.T,
        'bias': bias,
    }
    for name, values in constants.items():
        tensor = numpy_helper.from_array(np.array(values, np.float32), f'{prefix}_{name}')
        graph.initializer.append(tensor)

    def node(kind: str, inputs: list[str], output: str, **attributes: Any) -> None:
        graph.node.append(helper.make_node(kind, inputs, [output], **attributes))

    parts = {n: f'{prefix}_{n}' for n in (*constants, 'flat', 'float', 'unit', 'centred', 'seen')}
    logits = f'{prefix}_logits'
    node('Flatten', [found], parts['flat'], axis=1)
    node('Cast', [parts['flat']], parts['float'], to=TensorProto.FLOAT)
    node('LpNormalization', [parts['float']], parts['unit'], axis=1, p=2)
    node('Sub', [parts['unit'], parts['mean']], parts['centred'])
    node('MatMul', [parts['centred'], parts['matrix']], parts['seen'])
    node('LpNormalization', [parts['seen']], prefix, axis=1, p=2)
    node('Gemm', [prefix, parts['weight'], parts['bias']], logits)
    del graph.output[:]
    batch = graph.input[0].type.tensor_type.shape.dim[0]
    size = batch.dim_value or batch.dim_param or None
    for name, length in ((prefix, adaptation.matrix.shape[1]), (logits, len(bias))):
        value = helper.make_tensor_value_info(name, TensorProto.FLOAT, [size, length])
        graph.output.append(value)
    try:
        onnx.save(graph_of, path)
    except Exception as error:
        msg = f'{entry.file} cannot be continued: {error}'
        raise AdaptationError(msg) from error
    return logits


def files_of(path: Path) -> list[Path]:
    """Return the file of an adapted model, and that of the card of one of others."""
    return [path, path.with_suffix('.yaml')] if path.suffix in SUFFIXES else [path]


def calibration_of(path: Path) -> Path:
    """Return the file of the calibration of an adapted model."""
    return path.with_suffix('.calibration.yaml')


def published(file: Path, target: Path) -> None:
    """Put an adapted model in its place, with its card and calibration or not at all.

    It takes the place of an older one, and of its calibration even where the new one has none.

    Args:
        file: Of `write_adapted`, with the calibration beside it where there is one.
        target: The same elsewhere.

    Raises:
        OSError: A file cannot be written.
    """
    calibration = calibration_of(file)
    pairs = [*zip(files_of(file), files_of(target), strict=True)]
    if calibration.exists():
        pairs.append((calibration, calibration_of(target)))
    with ExitStack() as stack:
        for source, path in pairs:
            stack.enter_context(whole_file(path)).write_bytes(source.read_bytes())
        # All is on the disk. The network goes first and comes last, for what lies beside it is
        # its own: a process that is killed here leaves no network with those of another.
        for path in (target, calibration_of(target)):
            path.unlink(missing_ok=True)


def adapted_map(source: Path, target: Path, adaptation: Adaptation, info: ModelInfo) -> None:
    """Write the map of a model as that of the model adapted, whose places are not described again.

    Args:
        source: The map.
        target: The new file.
        adaptation: What is put behind the network.
        info: Of the adapted model.

    Raises:
        MapError: A file cannot be read or written.
    """
    with changed_copy(source, target) as place_map:
        descriptors = np.empty((len(place_map), info.descriptor_dim), np.float16)
        codes = np.empty((len(place_map), info.code_bits // 8), np.uint8)
        for rows in np.array_split(np.arange(len(place_map)), -(-len(place_map) // _PORTION)):
            values = adaptation.projected(place_map.descriptors(rows).astype(np.float64))
            descriptors[rows], codes[rows] = values, adaptation.codes(values)
        place_map.redescribe(info, descriptors, codes)
