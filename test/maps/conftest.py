# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vpr_ros.geometry import Pose
from vpr_ros.maps import MapWriter, NewPlace
from vpr_ros.types import Description, ModelInfo

DIM = 32


@pytest.fixture(scope='session')
def model():
    return ModelInfo('test-net', 'sha-of-weights', DIM, 64, 'resize 224 bilinear', trained=True)


@pytest.fixture(scope='session')
def hashless(model):
    return replace(model, name='hashless-net', code_bits=0)


@pytest.fixture(scope='session')
def describe():
    """Make a description that depends on the number only."""

    def make(number, dim=DIM, bits=64):
        rng = np.random.default_rng(number)
        vector = rng.standard_normal(dim).astype(np.float32)
        code = rng.integers(0, 256, bits // 8, dtype=np.uint8) if bits else None
        return Description(vector / np.linalg.norm(vector), code)

    return make


@pytest.fixture(scope='session')
def new_place(describe):
    def make(number, session=1, **fields):
        fields.setdefault('pose', Pose.planar(number, -number, 0.1))
        fields.setdefault('distance', float(number))
        description = fields.pop('description', None) or describe(number)
        return NewPlace(description, session, number * 1000, **fields)

    return make


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'town.vprmap'


@pytest.fixture
def filled(path, model, new_place):
    """The path of a closed map of 40 places in two sessions."""
    with MapWriter.create(path, model) as place_map:
        for name in ('morning', 'evening'):
            session = place_map.begin_session(name, 7)
            first = 20 * (session - 1)
            place_map.add([new_place(first + i, session, camera='front') for i in range(20)])
    return path
