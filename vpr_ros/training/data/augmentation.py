# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Random changes of viewpoint, light and camera of training images."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from vpr_ros.parsing import parse
from vpr_ros.training.data import image_changes
from vpr_ros.training.data.source import TrainingDataError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Generator, Tensor


@dataclass(frozen=True)
class Augmentation:
    """Random changes of viewpoint, light and camera, for each image its own.

    Images are never mirrored: places are not their mirror images.

    Attributes:
        strength: Scales everything below, [0, 1]; 0 changes nothing. For a curriculum.
        shift: Largest shift, share of the side.
        zoom: Largest change of size: 0.25 is from 1/1.25 to 1.25.
        turn: Largest rotation in the image plane, radians.
        tilt: Largest change of size from the centre to an edge, share.
        gamma: Largest logarithm of the exponent of the tone curve.
        gain: Largest logarithm of the brightness.
        balance: Largest logarithm of the gain of a colour.
        shade: Largest logarithm of the gain of a part of the image.
        night: Share of the images in which night falls.
        haze: Share of the images in haze.
        density: Largest share of airlight in haze.
        blur: Share of the images that are blurred.
        blur_size: Largest size of a pixel of a blurred image, share of the side.
        grain: Largest standard deviation of the noise.
        jpeg: Share of the images that are compressed.
        jpeg_loss: Largest rounding step of the coarsest cosine.
        grey: Share of the images that lose their colours.
        cover: Share of the images with something in the way.
        cover_area: Largest share of the image that it covers.
    """

    strength: float = 1.0
    shift: float = 0.12
    zoom: float = 0.25
    turn: float = 0.10
    tilt: float = 0.12
    gamma: float = 0.5
    gain: float = 0.4
    balance: float = 0.2
    shade: float = 0.8
    night: float = 0.25
    haze: float = 0.15
    density: float = 0.7
    blur: float = 0.25
    blur_size: float = 0.022
    grain: float = 0.05
    jpeg: float = 0.25
    jpeg_loss: float = 0.1
    grey: float = 0.1
    cover: float = 0.3
    cover_area: float = 0.2

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            highest = _HIGHEST.get(item.name, 1)
            if not 0 <= value <= highest:
                msg = f'augmentation.{item.name} must be from 0 to {highest}, not {value!r}'
                raise TrainingDataError(msg)

    @staticmethod
    def of(mapping: Mapping[str, Any]) -> Augmentation:
        """Build from the entries of a recipe.

        Raises:
            DocumentError: A name is unknown, or a value is no number.
            TrainingDataError: A value is out of its range.
        """
        return parse(Augmentation, dict(mapping), 'augmentation')

    def at(self, strength: float) -> Augmentation:
        """Return the same with another strength."""
        return replace(self, strength=strength)

    @torch.no_grad()
    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        """Change a batch of images.

        Args:
            images: (B, 3, S, S) float32 in [0, 1]; left as they are.
            generator: The same state makes the same changes, whichever device the images are on.
                One on the CPU needs no waiting for a GPU.

        Returns:
            (B, 3, S, S) float32 in [0, 1], on the device of the images.
        """
        s = self.strength
        if s == 0 or not len(images):
            return images.clone()
        if generator.device.type != 'cpu':
            # The numbers are drawn on the CPU, where they are the same for every device.
            seed = torch.randint(2**62, (1,), generator=generator, device=generator.device)
            generator = torch.Generator().manual_seed(int(seed))
        images = image_changes.look_from_elsewhere(
            images,
            generator,
            shift=s * self.shift,
            zoom=s * self.zoom,
            turn=s * self.turn,
            tilt=s * self.tilt,
        )
        images = image_changes.expose(
            images,
            generator,
            gamma=s * self.gamma,
            gain=s * self.gain,
            balance=s * self.balance,
            shade=s * self.shade,
        )
        changes: list[tuple[float, Callable[[Tensor, Generator], Tensor]]] = [
            (self.cover, partial(image_changes.cover, area=s * self.cover_area)),
            (self.haze, partial(image_changes.haze, density=s * self.density)),
            (self.night, partial(image_changes.fall_night, depth=s**0.5)),
            (self.blur, partial(image_changes.blur, size=s * self.blur_size)),
            (1.0, partial(image_changes.grain, sigma=s * self.grain)),
            (self.jpeg, partial(image_changes.compress, loss=s * self.jpeg_loss)),
            (self.grey, lambda chosen, _: image_changes.fade(chosen)),
        ]
        for share, change in changes:
            chosen = image_changes.some(generator, len(images), s * share).to(images.device)
            if len(chosen):
                images[chosen] = change(images[chosen], generator)
        return images


_HIGHEST = {'zoom': 2.0, 'gamma': 2.0, 'gain': 2.0, 'balance': 2.0, 'shade': 4.0}
"""Of the strengths that are no shares."""
