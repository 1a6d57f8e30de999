# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from vpr_ros.localize.temporal.map_layout import MapLayout

coordinates = st.lists(
    st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), min_size=1, max_size=40
)


@given(coordinates, coordinates, st.floats(1e-3, 500))
def test_places_within_a_radius_are_those_that_measuring_gives(places, points, radius):
    poses = np.array([[x, y, 0, 0, 0, 0, 1] for x, y in places])
    count = len(poses)
    row = np.arange(count)
    layout = MapLayout(
        SimpleNamespace(ids=row, sessions=np.ones(count, int), stamps=row, poses=poses)
    )
    asked = np.array([[x, y, 0.0] for x, y in points])
    who, rows = layout.pairs(asked, radius)
    distances = np.linalg.norm(asked[:, None] - poses[None, :, :3], axis=2)
    # A distance that only rounding makes equal to the radius may count either way.
    assume(not np.isclose(distances, radius, rtol=1e-12, atol=0).any())
    assert sorted(zip(who.tolist(), rows.tolist(), strict=True)) == [
        tuple(pair) for pair in np.argwhere(distances <= radius).tolist()
    ]
