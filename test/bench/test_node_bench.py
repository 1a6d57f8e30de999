# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
import pytest

pytest.importorskip('vpr_ros.msg', reason='needs ROS 2 and the built messages')

from vpr_ros.bench.node_bench import bench_calls

pytestmark = pytest.mark.ros


def test_a_known_mount_costs_few_calls_more_than_none():
    none, same, another = bench_calls('hog', 150)
    assert none['Python calls'] > 100
    assert same['Python calls'] < 1.2 * none['Python calls']
    assert another['Python calls'] < 1.3 * none['Python calls']
    assert all(row['p50 [ms]'] > 0 for row in (none, same, another))
