# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

import torch

from vpr_ros.models.vit import ViTConfig
from vpr_ros.training.memory import WAYS, SavedTensors, measure


def test_what_is_saved_is_counted_once_and_weights_are_not():
    layer = torch.nn.Linear(3, 5)
    values = torch.ones(2, 3, requires_grad=True)
    with SavedTensors(layer) as saved:
        hidden = layer(values)  # saves its input
        (hidden * hidden).sum()  # saves one tensor twice
    assert saved.bytes == 4 * (2 * 3 + 2 * 5)


def test_side_adapters_keep_less_than_every_other_way_to_train():
    """On a backbone in proportion to the real one."""
    vit = ViTConfig(width=96, depth=12, heads=2, patch=14, native_grid=4)
    kept = {
        way.name: measure(replace(way, options={**way.options, 'vit': vit}), 4, 112)
        for way in WAYS
    }
    side = kept.pop('side adapters')
    assert all(side.activations < 0.7 * other.activations for other in kept.values())
    assert all(side.total < other.total for other in kept.values())
    assert side.gradients == 3 * side.trained
