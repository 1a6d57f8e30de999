# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import pytest
import torch

from vpr_ros.cli.main import main
from vpr_ros.models.vit import ViTConfig
from vpr_ros.training.memory import SavedTensors, measure, network, tuning_modes

SMALL = ViTConfig(width=96, depth=12, heads=2, patch=14, native_grid=4)
"""In proportion to the real one."""


def _costs(precision='32'):
    device = torch.device('cpu')
    return {
        mode.name: measure(
            mode, network(mode, 'selavprpp-base', device, vit=SMALL), 4, 112, precision
        )
        for mode in tuning_modes(SMALL.depth)
    }


def test_what_is_saved_is_counted_once_and_weights_are_not():
    layer = torch.nn.Linear(3, 5)
    values = torch.ones(2, 3, requires_grad=True)
    with SavedTensors(layer) as saved:
        hidden = layer(values)  # saves its input
        (hidden * hidden).sum()  # saves one tensor twice
    assert saved.bytes == 4 * (2 * 3 + 2 * 5)


def test_side_adapters_keep_less_than_every_way_to_change_the_backbone():
    costs = _costs()
    side = costs['MemEfficient-MCA']
    others = [costs[name] for name in ('full tuning', 'partial tuning', 'SelaVPR-global')]
    assert all(side.activations < 0.7 * other.activations for other in others)
    assert all(side.total < other.total for other in others)
    assert costs['freezing'].total < side.total, 'but nothing is less than nothing'
    assert costs['full tuning'].trained == costs['full tuning'].weights
    assert side.gradients == 3 * side.trained
    assert all(cost.seconds > 0 and cost.peak == 0 for cost in costs.values())


def test_mixed_precision_keeps_less_for_the_backward_pass():
    whole, mixed = _costs(), _costs('bf16-mixed')
    for name in ('full tuning', 'MemEfficient-MCA'):
        assert mixed[name].activations < 0.85 * whole[name].activations
        assert mixed[name].weights == whole[name].weights


def test_the_command_tells_each_way_of_the_table(capsys, monkeypatch):
    from vpr_ros.training import memory

    whole = memory.network
    monkeypatch.setattr(
        memory, 'network', lambda mode, model, device: whole(mode, model, device, vit=SMALL)
    )
    with pytest.raises(SystemExit) as ended:
        main(['train', 'memory', '--size', '112', '--steps', '1', '--device', 'cpu', '--json'])
    assert ended.value.code == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer['device'] == 'cpu'
    parts = answer['MemEfficient-MCA']
    assert parts['total'] == parts['weights'] + parts['gradients'] + parts['activations']
