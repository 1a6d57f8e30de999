# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Teachers: what a student is to answer to an image. No gradient passes through them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from vpr_ros.training.teacher_features import open_features

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from vpr_ros.training.recipe import TeacherRecipe
    from vpr_ros.training.teacher_features import TeacherFeatures

_SMALLEST_SPREAD = 1e-6


class Teacher:
    """Descriptors from groups of features: standardised, each group and the whole of unit norm.

    Args:
        features: What is made of an image.
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

    New images are described one by one, so that what is remembered does not depend on what
    happened to be in the batch: a resumed training gets the same numbers as one that never
    stopped.

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
    return Teacher(open_features(recipe))


def save_statistics(teacher: Teacher, path: Path) -> None:
    """Write mean and spread of the features, to go on with the same numbers later."""
    from safetensors.torch import save_file  # noqa: PLC0415

    tensors: dict[str, Tensor] = {}
    for i, (mean, std) in enumerate(teacher.statistics or ()):
        tensors |= {f'{i}.mean': mean, f'{i}.std': std}
    save_file(tensors, path)


def load_statistics(teacher: Teacher, path: Path) -> None:
    """Read what `save_statistics` wrote."""
    from safetensors.torch import load_file  # noqa: PLC0415

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
