# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A node that is told to end while it starts ends in order."""

import signal
import time
from pathlib import Path

import pytest

pytest.importorskip('vpr_ros.msg', reason='needs ROS 2 and the built messages')

from hostile import survived, tried

from vpr_ros.bench.node_process import NodeProcess

pytestmark = [pytest.mark.ros, pytest.mark.hostile]


@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGTERM], ids=lambda how: how.name)
@pytest.mark.parametrize('library', ['_multiarray_umath', '_rclpy', 'cv2.abi3'])
def test_a_signal_during_the_imports_ends_a_node_with_status_0(start, tmp_path, how, library):
    node = start('map_builder_node', kind=NodeProcess, map_path=tmp_path / 'm.vprmap')
    loaded = Path(f'/proc/{node.process.pid}/maps')
    deadline = time.monotonic() + 60
    while library not in loaded.read_text():
        assert node.alive
        assert time.monotonic() < deadline
        time.sleep(0.002)
    tried()
    assert node.stop(how) == 0
    survived()
    assert 'Traceback' not in node.output
