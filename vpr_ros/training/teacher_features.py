# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Features of images that teachers are made of: our models, TFLite files, EfficientNet-Lite."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch.nn import functional

from vpr_ros import models
from vpr_ros.describe.describer import load_network
from vpr_ros.describe.preprocess import normalised
from vpr_ros.training.imagenet import imagenet_trunk
from vpr_ros.training.parse import RecipeError

if TYPE_CHECKING:
    from torch import Tensor

    from vpr_ros.training.recipe import TeacherRecipe


class TeacherFeatures(Protocol):
    """Makes groups of features (B, C, cells) of images (B, 3, size, size), RGB, 0 to 1."""

    size: int

    def __call__(self, images: Tensor) -> list[Tensor]:
        """Return the groups."""


class ModelFeatures:
    """Descriptors of a network of the registry; one across images sees the batch as it comes."""

    def __init__(self, name: str, weights: str) -> None:
        entry = models.spec(name)
        self.size = entry.input_size
        self.net = load_network(entry, weights or None)[0].eval().requires_grad_(False)  # noqa: FBT003

    def __call__(self, images: Tensor) -> list[Tensor]:
        """Return one group (B, D, 1)."""
        self.net.to(images.device)
        return [self.net(normalised(images)).descriptor[..., None]]


class TfliteFeatures:
    """The output of a TFLite network that reads one image, in whole or floating numbers."""

    def __init__(self, path: str) -> None:
        litert = _optional('ai_edge_litert.interpreter', 'ai-edge-litert')
        if not Path(path).is_file():
            msg = f'there is no TFLite file {path!r}: say where in teacher.weights'
            raise RecipeError(msg)
        self._interpreter = litert.Interpreter(model_path=path)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]
        self.size = int(self._input['shape'][1])

    def __call__(self, images: Tensor) -> list[Tensor]:
        """Return one group (B, D, 1)."""
        pixels = (images * 255).round().clamp(0, 255).byte().permute(0, 2, 3, 1).cpu().numpy()
        outputs = np.stack([self._one(image) for image in pixels])
        return [torch.from_numpy(outputs).to(images.device)[..., None]]

    def _one(self, image: Any) -> Any:
        whole = self._input['dtype'] == np.uint8
        values = image if whole else (image / np.float32(127.5) - 1).astype(np.float32)
        self._interpreter.set_tensor(self._input['index'], values[None])
        self._interpreter.invoke()
        output = self._interpreter.get_tensor(self._output['index']).reshape(-1)
        scale, zero = self._output['quantization']
        return ((output.astype(np.float32) - zero) * (scale or 1)).astype(np.float32)


class ImageNetFeatures:
    """Outputs of blocks of EfficientNet-Lite0, trained on ImageNet, pooled to a grid."""

    size = 224

    def __init__(self, weights: str, taps: tuple[int, ...], grid: int) -> None:
        self._trunk = imagenet_trunk(max(taps) + 1, weights=weights).requires_grad_(False)  # noqa: FBT003
        self._taps = taps
        self._grid = grid

    def __call__(self, images: Tensor) -> list[Tensor]:
        """Return a group (B, C, grid²) for each tapped block."""
        trunk = self._trunk.to(images.device)
        values = trunk.entry(normalised(images))
        groups = []
        for number, block in enumerate(trunk.blocks):
            values = block(values)
            if number in self._taps:
                groups.append(functional.adaptive_avg_pool2d(values, self._grid).flatten(2))
        return groups


def open_features(recipe: TeacherRecipe) -> TeacherFeatures:
    """Return the features of a teacher.

    Raises:
        RecipeError: A package or file that they need is not there.
        ModelError: The weights of a model are missing or damaged.
    """
    if recipe.kind == 'model':
        return ModelFeatures(recipe.name, recipe.weights)
    if recipe.kind == 'tflite':
        return TfliteFeatures(recipe.weights)
    return ImageNetFeatures(recipe.weights, recipe.taps, recipe.grid)


def _optional(module: str, package: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        msg = f'this teacher needs a package that is not installed: pip install {package}'
        raise RecipeError(msg) from error
