# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros.localize.evidence import Candidates, features_of_each, gather


@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 30),
    codes=st.booleans(),
    poses=st.booleans(),
    support=st.booleans(),
)
def test_features_of_all_are_those_of_each(seed, count, codes, poses, support):
    rng = np.random.default_rng(seed)
    places = rng.uniform(0, 40, (count, 7))
    candidates = Candidates(
        np.arange(count),
        rng.uniform(-1, 1, count),
        rng.integers(0, 512, count) if codes else np.full(count, -1),
        places if poses else np.full((count, 7), np.nan),
    )
    chances = rng.uniform(0, 1, count) if support else None

    each = features_of_each(candidates, 10.0, chances)

    for i in range(count):
        chance = np.nan if chances is None else float(chances[i])
        one = gather(candidates, i, 10.0, chance).features
        np.testing.assert_allclose(each[i], one, rtol=1e-12)
