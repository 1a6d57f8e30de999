# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Teachers: features of models, TFLite files or EfficientNet-Lite0, and their descriptors."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional

from vpr_ros.describe.loading import load_network, resolve
from vpr_ros.describe.preprocess import normalised
from vpr_ros.training.overriding import RecipeError
from vpr_ros.training.trainable_network import imagenet_trunk

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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
        entry = resolve(name, weights or None)
        self.size = entry.input_size
        self._rule = entry.preprocessing
        self.net = load_network(entry)[0].eval().requires_grad_(False)  # noqa: FBT003

    def __call__(self, images: Tensor) -> list[Tensor]:
        """Return one group (B, D, 1)."""
        self.net.to(images.device)
        read = normalised(images, self._rule.mean, self._rule.std)
        return [self.net(read).descriptor[..., None]]


class TfliteFeatures:
    """The output of a TFLite network that reads one image, in whole or floating numbers."""

    def __init__(self, path: str) -> None:
        try:
            litert: Any = importlib.import_module('ai_edge_litert.interpreter')
        except ModuleNotFoundError as error:
            msg = "the teacher tflite needs ai-edge-litert: pip install 'vpr_ros[tflite]'"
            raise RecipeError(msg) from error
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
        trunk = imagenet_trunk(taps=tuple(tap + 1 for tap in taps), weights=weights)
        self._trunk = trunk.requires_grad_(False)  # noqa: FBT003
        self._grid = grid

    def __call__(self, images: Tensor) -> list[Tensor]:
        """Return a group (B, C, grid²) for each tapped block."""
        tapped = self._trunk.to(images.device)(normalised(images))
        return [functional.adaptive_avg_pool2d(v, self._grid).flatten(2) for v in tapped]


_SMALLEST_SPREAD = 1e-6


class Teacher:
    """Descriptors from groups of features: standardised, each group and the whole of unit norm.

    Args:
        features: The features of an image.
    """

    def __init__(self, features: TeacherFeatures) -> None:
        self.features = features
        self.statistics: list[tuple[Tensor, Tensor]] | None = None

    @property
    def size(self) -> int:
        """Side of the square images that the teacher reads."""
        return self.features.size

    def describe(self, images: Tensor) -> Tensor:
        """Return descriptors (B, D) of images (B, 3, S, S), RGB, 0 to 1, of any size."""
        groups = self._groups(images)
        if self.statistics is not None:
            groups = [
                (group - mean.to(group)) / std.to(group)
                for group, (mean, std) in zip(groups, self.statistics, strict=True)
            ]
        parts = [functional.normalize(group.flatten(1), dim=1) for group in groups]
        return functional.normalize(torch.cat(parts, dim=1), dim=1)

    def standardise(self, batches: Iterable[Tensor]) -> None:
        """Estimate mean and spread of every channel over images and cells.

        Args:
            batches: Images (B, 3, S, S), RGB, 0 to 1.
        """
        sums: list[Tensor] = []
        count = 0
        for images in batches:
            groups = self._groups(images)
            sums = sums or [torch.zeros(2, g.shape[1], dtype=torch.float64) for g in groups]
            for i, values in enumerate(group.double().cpu() for group in groups):
                sums[i] += torch.stack((values.mean(2).sum(0), values.square().mean(2).sum(0)))
            count += len(images)
        self.statistics = [_mean_and_spread(total / count) for total in sums]

    @torch.no_grad()
    def _groups(self, images: Tensor) -> list[Tensor]:
        """Return features (B, C, cells) in float32 whatever precision surrounds them."""
        with torch.autocast(images.device.type, enabled=False):
            return [group.float() for group in self.features(resized(images.float(), self.size))]


class RememberedTeacher:
    """Keeps the output of a teacher for each clean view of a place, in half precision.

    New images are described one by one, so that their output does not depend on the rest of the
    batch: a resumed training gets the same numbers as one that never stopped.

    Args:
        teacher: To ask the first time.
        limit: Bytes; beyond them images are described again each time.
    """

    def __init__(self, teacher: Teacher, limit: int) -> None:
        self._teacher = teacher
        self._limit = limit
        self._known: dict[tuple[int, int], Tensor] = {}

    def describe(self, images: Tensor, keys: Sequence[tuple[int, int]]) -> Tensor:
        """Return descriptors (B, D) of images (B, 3, S, S), each known by place and view."""
        found = [self._one(image, key) for image, key in zip(images, keys, strict=True)]
        # Not stacked as they are: on the CPU, mixed precision knows no float16.
        return torch.stack([descriptor.float() for descriptor in found]).to(images.device)

    def _one(self, image: Tensor, key: tuple[int, int]) -> Tensor:
        if key in self._known:
            return self._known[key]
        descriptor = self._teacher.describe(image[None])[0].half().cpu()
        size = descriptor.numel() * descriptor.element_size()
        if size * (len(self._known) + 1) <= self._limit:
            self._known[key] = descriptor
        return descriptor


def open_teacher(recipe: TeacherRecipe) -> Teacher:
    """Return the teacher of a recipe, not yet standardised.

    Raises:
        RecipeError: A package or file that it needs is not there.
        ModelError: The weights of a model are missing or damaged.
    """
    if recipe.kind == 'model':
        return Teacher(ModelFeatures(recipe.name, recipe.weights))
    if recipe.kind == 'tflite':
        return Teacher(TfliteFeatures(recipe.weights))
    return Teacher(ImageNetFeatures(recipe.weights, recipe.taps, recipe.grid))


def save_statistics(teacher: Teacher, path: Path) -> None:
    """Write mean and spread of the features, to go on with the same numbers later."""
    tensors: dict[str, Tensor] = {}
    for i, (mean, std) in enumerate(teacher.statistics or ()):
        tensors |= {f'{i}.mean': mean, f'{i}.std': std}
    save_file(tensors, path)


def load_statistics(teacher: Teacher, path: Path) -> None:
    """Read a file that `save_statistics` wrote."""
    tensors = load_file(path)
    groups = range(len(tensors) // 2)
    teacher.statistics = [(tensors[f'{i}.mean'], tensors[f'{i}.std']) for i in groups]


def resized(images: Tensor, size: int) -> Tensor:
    """Return images (B, C, H, W) as squares, by the filter that inference uses."""
    if images.shape[-2:] == (size, size):
        return images
    return functional.interpolate(images, size=(size, size), mode='bilinear', antialias=True)


def _mean_and_spread(moments: Tensor) -> tuple[Tensor, Tensor]:
    mean, square = moments
    spread = (square - mean.square()).clamp(min=0).sqrt().clamp(min=_SMALLEST_SPREAD)
    return mean.float()[:, None].contiguous(), spread.float()[:, None].contiguous()
