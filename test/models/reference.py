# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The published networks' outputs, and networks with the weights those were made with."""

import importlib.util
from pathlib import Path

import numpy as np
import torch

from vpr_ros import models

FOLDER = Path(__file__).parents[1] / 'data' / 'reference'


def _load_fill():
    location = importlib.util.spec_from_file_location('reference_fill', FOLDER / 'fill.py')
    module = importlib.util.module_from_spec(location)
    location.loader.exec_module(module)
    return module


fill = _load_fill()


def filled_state(net):
    """Return the reference weights for every key of a network."""
    return {
        key: torch.from_numpy(np.asarray(fill.tensor(key, tuple(value.shape))))
        for key, value in net.state_dict().items()
    }


def filled_network(name, **options):
    """Return a network with the reference weights."""
    net = models.build(name, **options)
    models.load_published(net, filled_state(net))
    return net


def images(seed, batch, size):
    """Return a batch of the reference images."""
    return torch.from_numpy(fill.images(seed, batch, size))
