# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch

from vpr_ros.models.mobile import MobileTrunk
from vpr_ros.models.registry import initial_state


@pytest.mark.parametrize(
    ('kind', 'blocks', 'size'), [('lite0', 16, 4_652_008), ('lite1', 21, 5_416_680)]
)
def test_the_trunk_has_the_published_size(kind, blocks, size):
    trunk = MobileTrunk(kind, (blocks,))
    # Less the classifier (1280 x 1000 + 1000) and the head (320 x 1280 + 2 x 1280).
    assert sum(p.numel() for p in trunk.parameters()) == size - 1_281_000 - 412_160


@pytest.mark.parametrize(
    ('kind', 'taps', 'stride', 'shapes'),
    [
        ('lite0', (11,), 32, [(112, 4, 4)]),
        ('lite0', (11, 12), 32, [(112, 4, 4), (192, 2, 2)]),
        ('lite0', (11, 12), 16, [(112, 4, 4), (192, 4, 4)]),
        ('lite1', (15, 16), 16, [(112, 4, 4), (192, 4, 4)]),
    ],
)
def test_taps_and_stride_decide_the_shapes(kind, taps, stride, shapes):
    tapped = MobileTrunk(kind, taps, stride)(torch.zeros(1, 3, 64, 64))
    assert [features.shape[1:] for features in tapped] == shapes


@torch.no_grad()
def test_a_finer_grid_holds_the_features_of_the_coarser_one():
    images = torch.randn(1, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    first, second = (MobileTrunk('lite0', (12,), stride).eval() for stride in (32, 16))
    state = initial_state(first, 3)
    first.load_state_dict(state)
    second.load_state_dict(dict(zip(second.state_dict(), state.values(), strict=True)))
    (coarse,), (fine,) = first(images), second(images)
    inner = slice(2, -2)  # at the borders the padding differs
    difference = coarse[..., inner, inner] - fine[..., 1::2, 1::2][..., inner, inner]
    assert difference.abs().max() < 1e-4 * coarse.abs().max()
