# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from fleet_server import database, server  # noqa: F401  fixtures

from vpr_ros.fleet import connected
from vpr_ros.geometry import GeoPoint, Pose
from vpr_ros.maps import MapWriter, NewPlace
from vpr_ros.types import Description, ModelInfo

MOUNT = Pose.of((0.2, 0, 1), (-0.5, 0.5, -0.5, 0.5))
DIM, BITS, START = 32, 64, 1_760_000_000_000_000_000


KINDS = pytest.mark.parametrize('model', ['hash head', 'no codes', 'recoded'], indirect=True)
"""For tests to which it matters how a map comes to its codes."""


@pytest.fixture(scope='session')
def model(request):
    kind = getattr(request, 'param', 'hash head')
    bits = BITS if kind == 'hash head' else 0
    return ModelInfo('test-net', 'weights', DIM, bits, 'none', trained=kind != 'recoded')


@pytest.fixture(scope='session')
def describe(model):
    """Make a description; those of near numbers are alike."""

    def make(number):
        base = np.random.default_rng(number // 10).standard_normal(DIM)
        vector = base + 0.5 * np.random.default_rng(number).standard_normal(DIM)
        vector = (vector / np.linalg.norm(vector)).astype(np.float32)
        code = np.packbits(np.resize(vector, BITS) > 0) if model.code_bits else None
        return Description(vector, code)

    return make


@pytest.fixture(scope='session')
def town(tmp_path_factory, model, describe):
    """The path of a map of 120 places in three sessions."""
    path = tmp_path_factory.mktemp('town') / 'town.vprmap'
    rng = np.random.default_rng(0)
    with MapWriter.create(path, model) as place_map:
        for session in (1, 2, 3):
            place_map.begin_session(f's{session}', START + session)
            place_map.add(
                [
                    NewPlace(
                        describe(40 * session + i),
                        session,
                        START + int(rng.integers(0, 1000)),
                        None if rng.random() < 0.1 else Pose.of(rng.uniform(-50, 50, 3)),
                        np.eye(6) if rng.random() < 0.5 else None,
                        GeoPoint(48 + i * 1e-5, 11, 500.0) if rng.random() < 0.5 else None,
                        str(rng.choice(['front', 'rear'])),
                        None if rng.random() < 0.1 else float(rng.uniform(0, 100)),
                        MOUNT if i % 2 else None,
                        bytes([session, i]) * 50 if i % 3 else None,
                    )
                    for i in range(40)
                ]
            )
        if not model.trained:
            place_map.recode(32, dim=24)
    return path


@pytest.fixture
def connection(database):  # noqa: F811
    """Connect to a new database as its owner."""
    with connected(database) as opened:
        yield opened
