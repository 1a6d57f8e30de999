# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import pytest

from vpr_ros.bench import verify_bench


def test_every_part_of_both_detectors_is_measured(monkeypatch):
    monkeypatch.setattr(verify_bench, '_WARM_UP', 0)
    rows = verify_bench.bench_verify('hog', rounds=1)
    assert [row.detector for row in rows] == ['xfeat-480', 'sift-320']
    for row in rows:
        figures = {name: value for name, value in vars(row).items() if name != 'detector'}
        assert all(value > 0 and math.isfinite(value) for value in figures.values())
        # One pair is a part of ten, and those known are a part of those read anew.
        assert row.pair_ms < row.cached_ms < row.cold_ms
        assert row.extract_share == pytest.approx(row.extract_ms / row.describe_ms)
        assert row.inliers > 50
