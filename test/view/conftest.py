# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
from pathlib import Path

import pytest

# The tests are imported by file, so that helpers beside them must be made findable.
sys.path.insert(0, str(Path(__file__).parent))

from viewed_maps import write_map

from vpr_ros.maps import PlaceMap


@pytest.fixture
def mapped(tmp_path):
    """Make a map as `write_map` does, of one session `day` if not told, and return it open."""
    made = []

    def make(*names, **kind):
        path = write_map(tmp_path / f'{len(made)}.vprmap', names or ('day',), **kind)
        made.append(PlaceMap.open(path))
        return made[-1]

    yield make
    for place_map in made:
        place_map.close()
