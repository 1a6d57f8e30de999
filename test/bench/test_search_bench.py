# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import pytest

from vpr_ros.bench.search_bench import bench_retrieval


def test_every_figure_is_measured(tmp_path):
    (row,) = bench_retrieval(sizes=(500,), dim=64, queries=5, folder=tmp_path)
    assert (row.places, row.dim) == (500, 64)
    assert all(value > 0 and math.isfinite(value) for value in vars(row).values())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ('bytes_an_element', 'map_in_memory', 'indices_too'),
    [(1, False, False), (2, True, False), (10, True, True)],
)
def test_only_what_fits_the_memory_is_kept_there(
    tmp_path, bytes_an_element, map_in_memory, indices_too
):
    (row,) = bench_retrieval(
        sizes=(50,), dim=1024, queries=2, memory=bytes_an_element * 50 * 1024, folder=tmp_path
    )
    assert (row.memory_mib > 2 * 50 * 1024 / 2**20) == map_in_memory
    assert math.isfinite(row.flat_ip_ms) == math.isfinite(row.flat_l2_ms) == indices_too
