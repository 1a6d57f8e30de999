# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

from vpr_ros.retrieval.bench import bench_retrieval


def test_every_figure_is_measured(tmp_path):
    (row,) = bench_retrieval(sizes=(500,), dim=64, queries=5, folder=tmp_path)
    assert (row.places, row.dim) == (500, 64)
    assert all(value > 0 and math.isfinite(value) for value in vars(row).values())
    assert list(tmp_path.iterdir()) == []


def test_float_indices_that_would_not_fit_are_left_out(tmp_path):
    rows = bench_retrieval(
        sizes=(50, 100), dim=64, queries=2, float_index_bytes=0, folder=tmp_path
    )
    assert [math.isnan(row.flat_ip_ms) and math.isnan(row.flat_l2_ms) for row in rows] == [
        True
    ] * 2
