# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from vpr_ros.geometry import Pose
from vpr_ros.maps import MapWriter, NewPlace
from vpr_ros.types import Description, ModelInfo

DIM = 64


@pytest.fixture(scope='session')
def dyadic():
    """Make a unit descriptor of elements +-1/8 from bits.

    float16 holds it, and inner products of such vectors are exact in any order of summation,
    with many ties.
    """

    def make(rng, variety=64):
        signs = np.where(rng.integers(0, 2, DIM) == 1, 1, -1)
        signs[variety:] = 1
        return (signs / 8).astype(np.float32)

    return make


@pytest.fixture(scope='session')
def model():
    return ModelInfo('test-net', 'weights', DIM, 32, 'none', trained=True)


@pytest.fixture(scope='session')
def hashless():
    return ModelInfo('test-net', 'weights', DIM, 0, 'none', trained=True)


@pytest.fixture
def make_map(tmp_path_factory, dyadic):
    """Make a map of random places with few different codes and descriptors, so with many ties."""
    made = []

    def make(model, count, seed=0, sessions=3, **options):
        rng = np.random.default_rng(seed)
        place_map = MapWriter.create(tmp_path_factory.mktemp('map') / 'm.vprmap', model, **options)
        made.append(place_map)
        for number in range(sessions):
            place_map.begin_session(f's{number}', 0)
        place_map.add(
            [
                NewPlace(
                    Description(
                        dyadic(rng, 6),
                        rng.integers(0, 256, model.code_bits // 8, dtype=np.uint8)
                        & np.uint8(rng.choice([1, 3, 255]))
                        if model.code_bits
                        else None,
                    ),
                    session=int(rng.integers(1, sessions + 1)),
                    stamp=int(rng.integers(0, 1000)),
                    pose=None if rng.random() < 0.1 else Pose.of(rng.uniform(-50, 50, 3)),
                    camera=str(rng.choice(['front', 'rear'])),
                    distance=None if rng.random() < 0.1 else float(rng.uniform(0, 100)),
                )
                for _ in range(count)
            ]
        )
        return place_map

    yield make
    for place_map in made:
        place_map.close()
