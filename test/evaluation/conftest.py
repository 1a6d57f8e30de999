# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
from pathlib import Path

import pytest

# The tests are imported by file, so that helpers beside them must be made findable.
sys.path.insert(0, str(Path(__file__).parent))

from evaluation_bags import PLACES, build_map, look, write_traverse


@pytest.fixture(scope='session')
def day(tmp_path_factory):
    """The bag of a traverse by day, the places 0 to 11 a metre apart."""
    path = tmp_path_factory.mktemp('day') / 'day'
    return write_traverse(path, [look(i) for i in range(PLACES)], range(PLACES))


@pytest.fixture(scope='session')
def town(day):
    """The map made from it."""
    return build_map(day.parent / 'town.vprmap', day)


@pytest.fixture(scope='session')
def evening(tmp_path_factory):
    """The same way again, noisier; frame 3 is damaged, frames 12 and 13 are far off the map."""
    pictures = [look(i, noise=8) for i in range(PLACES + 2)]
    positions = [i + 0.1 for i in range(PLACES)] + [500.0, 501.0]
    return write_traverse(
        tmp_path_factory.mktemp('evening') / 'evening', pictures, positions, damaged=[3]
    )
