# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Networks whose descriptors depend on the batch, for comparison with published figures only.

A cross-image encoder lets the images of a batch describe each other. Published figures of such
networks are of batches of neighbouring images in the order of their paths, which a robot with one
image at a time does not have: `describe.Describer` refuses them, and nothing else may use this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from vpr_ros import models
from vpr_ros.describe import configure_threads
from vpr_ros.describe.describer import as_descriptions, load_described
from vpr_ros.describe.optimise import inference_form
from vpr_ros.describe.preprocess import preprocess
from vpr_ros.describe.runtime import choose_device

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from vpr_ros.types import Description


class BatchDescriber:
    """Describes a batch of images at once, exactly as given: nothing split, nothing padded.

    Args:
        model: Registry name.
        device: As of `describe.Describer`.
        weights: A weights file; None for those found.

    Raises:
        ModelError: The model is unknown, or its weights are missing, damaged or another's.
        DeviceError: The device is unknown or absent.
    """

    def __init__(self, model: str, device: str = 'auto', weights: Path | None = None) -> None:
        configure_threads()
        entry = models.spec(model)
        self._device = choose_device(device)
        self._size = entry.input_size
        net, self.model_info = load_described(entry, weights)
        # Not as CUDA graphs: those pad batches, and padding would be seen by the encoder.
        self._net = inference_form(net, 'fp32', self._device)

    def describe(self, images: Sequence[NDArray[np.uint8]]) -> list[Description]:
        """Describe RGB images (H, W, 3) uint8 as one batch.

        Raises:
            ImageError: An image is empty, not uint8 or not (H, W, 3).
        """
        if not images:
            return []
        # float32 is to mean float32; cuDNN's default would round the convolutions' inputs.
        exact = torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
        with torch.inference_mode(), exact:
            output = self._net(preprocess(images, self._size, self._device))
        return as_descriptions(output.map(lambda values: values.float().cpu()))
