# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A model: its registration, its input and output, and the head that makes codes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from vpr_ros.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""Of the pixels of ImageNet, 0 to 1, red, green and blue."""
_LEAST_SIDE, _MOST_SIDE = 8, 4096
_LEAST_STD, _MOST_STD = 1e-3, 1e3


@dataclass(frozen=True)
class Preprocessing:
    """How an image becomes the input of a network.

    Attributes:
        height: Of the input in pixels, from 8 to 4096.
        width: Of the input in pixels; 0 for that of a square.
        interpolation: Of the resize, which is always antialiased.
        fit: ``stretch`` changes the aspect of the image to that of the input; ``crop`` cuts off
            what does not fit on both sides.
        mean: Subtracted from red, green and blue, all from 0 to 1.
        std: They are divided by it afterwards; from 0.001 to 1000.

    Raises:
        ValueError: A value is out of range.
    """

    height: int
    width: int = 0
    interpolation: Literal['bilinear', 'bicubic'] = 'bilinear'
    fit: Literal['stretch', 'crop'] = 'stretch'
    mean: tuple[float, float, float] = MEAN
    std: tuple[float, float, float] = STD

    def __post_init__(self) -> None:
        if not all(_LEAST_SIDE <= side <= _MOST_SIDE for side in self.shape):
            msg = f'sides must be {_LEAST_SIDE} to {_MOST_SIDE} pixels, not {self.shape}'
            raise ValueError(msg)
        if not all(0 <= m <= 1 for m in self.mean) or not all(
            _LEAST_STD <= s <= _MOST_STD for s in self.std
        ):
            msg = (
                f'mean must be 0 to 1 and std {_LEAST_STD} to {_MOST_STD:.0f}, not {self.mean} '
                f'and {self.std}: pixels are 0 to 1, so divide by 255 what is meant for 0 to 255'
            )
            raise ValueError(msg)

    @staticmethod
    def of(rule: Preprocessing | int) -> Preprocessing:
        """Return the rule itself, or the usual one for a square of so many pixels."""
        return Preprocessing(rule) if isinstance(rule, int) else rule

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the input in pixels."""
        return self.height, self.width or self.height

    @property
    def side(self) -> int:
        """Side of the square input in pixels.

        Raises:
            ModelError: The input is no square.
        """
        height, width = self.shape
        if height != width:
            msg = f'only networks with square inputs can do this, not one of {width} x {height}'
            raise ModelError(msg)
        return height

    @property
    def id(self) -> str:
        """Canonical description; stored with every map."""
        height, width = self.shape
        aspect = 'no' if self.fit == 'stretch' else self.fit
        return (
            f'rgb8 resize={width}x{height} {self.interpolation} antialias=yes rounding=uint8 '
            f'keep_aspect={aspect} mean={_listed(self.mean)} '
            f'std={_listed(self.std)}'
        )


def _listed(values: tuple[float, ...]) -> str:
    return ','.join(str(float(value)) for value in values)


class ModelOutput(NamedTuple):
    """Descriptors of a batch.

    Attributes:
        descriptor: (B, D) float32, unit norm.
        code: (B, bits) of -1 and +1, or None where the network has no hash branch. In training
            the gradient passes through the sign unchanged.
        logits: (B, bits), the values whose signs make the code, or None.
    """

    descriptor: Tensor
    code: Tensor | None = None
    logits: Tensor | None = None

    def map(self, function: Callable[[Tensor], Tensor]) -> ModelOutput:
        """Return the outputs with a function applied to every tensor."""
        descriptor, *others = self
        return ModelOutput(
            function(descriptor), *(v if v is None else function(v) for v in others)
        )

    @staticmethod
    def joined(outputs: Sequence[ModelOutput]) -> ModelOutput:
        """Return the outputs of consecutive batches of one network as one."""
        columns = zip(*outputs, strict=True)
        return ModelOutput._make(None if c[0] is None else torch.cat(c) for c in columns)


def sign_code(logits: Tensor) -> Tensor:
    """Return +1 where ``logits`` (B, bits) is >= 0 and -1 elsewhere; its gradient is identity."""
    code = torch.where(logits >= 0, 1.0, -1.0)
    if torch.is_grad_enabled() and logits.requires_grad:
        return code + (logits - logits.detach())
    return code


class HashHead(nn.Module):
    """Linear map from a descriptor to the logits of its code."""

    def __init__(self, inputs: int, bits: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, bits)

    def forward(self, descriptor: Tensor) -> Tensor:
        """Map descriptors (B, inputs) to logits (B, bits), in float32 whatever surrounds it."""
        with torch.autocast(descriptor.device.type, enabled=False):
            return self.linear(descriptor.float())  # type: ignore[no-any-return]


@dataclass(frozen=True)
class PublishedWeights:
    """A file of weights as its authors publish it.

    Attributes:
        file: The authors' file name.
        source: The authors' page.
        licence: SPDX identifier, or a description.
        size: About how many bytes.
        sha256: Hex digest; empty where nobody states it.
        urls: Where it can be downloaded, the same bytes everywhere; empty where only a browser
            can download it.
        page: The page to open in a browser where there are no ``urls``.
        rename: Maps a key of the file to the network's key, or to nothing where the network does
            not need the entry; None where they are equal.
    """

    file: str
    source: str
    licence: str
    size: int
    sha256: str = ''
    urls: tuple[str, ...] = ()
    page: str = ''
    rename: Callable[[str], str] | None = None


def drive_page(key: str) -> str:
    """Return the page of a file on Google Drive, which only a browser can download."""
    return f'https://drive.google.com/file/d/{key}/view'


@dataclass(frozen=True)
class ModelSpec:
    """One model: as it is registered, or as a file describes it.

    Attributes:
        name: The name users give.
        make: Makes the network from fields of its configuration.
        preprocessing: How images become the input that it is meant for.
        options: Fields in which the model differs from its configuration's defaults.
        weights: The published weights; None where there are none.
        batch_dependent: True where a descriptor depends on the other images of its batch.
        untrained: True where seeded random weights stand in until weights are found.
        weightless: True for a formula: there is nothing to load and nothing to train.
        backbone: True for a network that describes no images: training starts from its weights.
        infer: Returns the options in which the network of a published file differs, from the
            shapes of its entries; None where there is only one network.
        projection: Lengths of the descriptors before and after the projection that is part of the
            model; None without one.
        projection_bits: Of the codes of the projected descriptors; 0 where codes are those of the
            network.
        file: Where its weights are; None for those of the name.
        network: Registered name of its network, where the name is a file's own; else empty.
        foreign: True for a network of others that its file holds completely: ``make`` reads it.
    """

    name: str
    make: Callable[..., nn.Module]
    preprocessing: Preprocessing
    options: Mapping[str, Any] = field(default_factory=dict)
    weights: PublishedWeights | None = None
    batch_dependent: bool = False
    untrained: bool = False
    weightless: bool = False
    backbone: bool = False
    infer: Callable[[Mapping[str, tuple[int, ...]]], dict[str, Any]] | None = None
    projection: tuple[int, int] | None = None
    projection_bits: int = 0
    file: Path | None = None
    network: str = ''
    foreign: bool = False

    @property
    def registered(self) -> str:
        """Registered name of the network."""
        return self.network or self.name

    @property
    def onnx_file(self) -> Path | None:
        """Its file, where that is an ONNX one: it holds the network, and no weights to change."""
        return self.file if self.file is not None and self.file.suffix == '.onnx' else None

    @property
    def input_size(self) -> int:
        """Side in pixels of the square input.

        Raises:
            ModelError: The input is no square.
        """
        return self.preprocessing.side
