# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Initial weights that are the same numbers on every machine and library version."""

from __future__ import annotations

import math
import zlib

import numpy as np
import torch
from torch import Tensor, nn

_ZERO = ('bias', 'mask_token', '.D_fc2.weight', 'offset_generator.2.weight')
_EMBEDDING_STD = 0.02
_HALF_SCALE = -math.log(2)  # makes 0.5 + 1.5 sigmoid(raw) one: regions start undeformed


def initial_state(net: nn.Module, seed: int) -> dict[str, Tensor]:
    """Return a value for every entry of ``net.state_dict()``, on the CPU.

    Each tensor depends only on the seed, its key and its shape: uniform values are made from the
    raw 64-bit output of PCG64, which NumPy promises never to change, by exact arithmetic.
    Linear layers get the standard deviation 0.02 of DINOv2, convolutions He's
    (arXiv:1502.01852); adapters start as no change and regions undeformed.
    """
    return {
        key: torch.from_numpy(_initial(key, tuple(value.shape), value.dtype, seed))
        for key, value in net.state_dict().items()
    }


def _initial(
    key: str, shape: tuple[int, ...], dtype: torch.dtype, seed: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32 | np.int64]]:
    if not dtype.is_floating_point:
        return np.zeros(shape, np.int64)
    if key == 'offset_generator.2.bias':
        return np.array([0, 0, _HALF_SCALE, _HALF_SCALE], np.float32)
    if key.endswith('.p'):
        return np.full(shape, 3, np.float32)
    if key.endswith(_ZERO) or key.endswith('running_mean'):
        return np.zeros(shape, np.float32)
    if len(shape) == 1:  # norm weights, layer scales, running variances
        return np.ones(shape, np.float32)
    std = math.sqrt(2 / math.prod(shape[1:])) if len(shape) == 4 else _EMBEDDING_STD
    return std * _unit_uniform(key, shape, seed)


def _unit_uniform(
    key: str, shape: tuple[int, ...], seed: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Return float32 uniform values of mean 0 and variance 1."""
    source = np.random.PCG64([seed, zlib.crc32(key.encode())])
    words = source.random_raw(math.prod(shape))
    units = (words >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-23) - np.float32(1)
    return (units * np.float32(math.sqrt(3))).reshape(shape)
