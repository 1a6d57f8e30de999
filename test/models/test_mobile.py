# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch

from vpr_ros.errors import ModelError
from vpr_ros.models.mobile import MobileStem, MobileTrunk
from vpr_ros.models.registry import initial_state


def test_the_trunk_has_the_size_of_efficientnet_lite0():
    # Published, less the classifier (1280 x 1000 + 1000) and the head (320 x 1280 + 2 x 1280).
    assert sum(p.numel() for p in MobileTrunk().parameters()) == 4_652_008 - 1_281_000 - 412_160


@pytest.mark.parametrize(
    ('blocks', 'stride', 'shape'),
    [(11, 32, (112, 4, 4)), (12, 32, (192, 2, 2)), (12, 16, (192, 4, 4))],
)
def test_blocks_and_stride_decide_the_shape(blocks, stride, shape):
    assert MobileTrunk(blocks, stride)(torch.zeros(1, 3, 64, 64)).shape[1:] == shape


@torch.no_grad()
def test_a_finer_grid_holds_the_features_of_the_coarser_one():
    images = torch.randn(1, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    first, second = MobileTrunk(12, 32).eval(), MobileTrunk(12, 16).eval()
    state = initial_state(first, 3)
    first.load_state_dict(state)
    second.load_state_dict(dict(zip(second.state_dict(), state.values(), strict=True)))
    coarse, fine = first(images), second(images)
    inner = slice(2, -2)  # at the borders the padding differs
    difference = coarse[..., inner, inner] - fine[..., 1::2, 1::2][..., inner, inner]
    assert difference.abs().max() < 1e-4 * coarse.abs().max()


def test_the_stem_gives_a_token_for_sixteen_pixels():
    assert MobileStem(24)(torch.zeros(2, 3, 48, 48)).shape == (2, 24, 3, 3)


def test_another_patch_size_is_refused_for_this_stem():
    from vpr_ros import models
    from vpr_ros.models.vit import ViTConfig

    with pytest.raises(ModelError, match='16 pixels a token'):
        models.create('d2vpr-nano', vit=ViTConfig(48, 1, 1, patch=14, stem='mobile'), taps=(1,))
