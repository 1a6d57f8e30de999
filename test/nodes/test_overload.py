# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""place_recognition_node under five times the images that it can answer, as a process."""

import json
import subprocess
import sys

import pytest

pytest.importorskip('vpr_ros.msg', reason='needs ROS 2 and the built messages')

pytestmark = pytest.mark.ros
SECONDS = 8.0


@pytest.mark.slow
def test_overload_drops_frames_and_neither_latency_nor_memory_grows(tmp_path):
    words = ('bench', 'node', '--overload', '--json', '--model', 'd2vpr-nano', '--places', '100')
    start = 'from vpr_ros.cli.main import main; raise SystemExit(main())'
    done = subprocess.run(
        [sys.executable, '-c', start, *words, '--seconds', str(SECONDS)],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,  # not where the sources are, which have no messages
    )
    rows = {row['figure']: row['value'] for row in json.loads(done.stdout)}
    print(rows)
    alone = rows['latency of one at a time max [ms]']
    frame = 1e3 / rows['sent [Hz]']
    assert rows['sent [Hz]'] > 2 * rows['sustainable rate [Hz]']
    assert rows['images dropped for newer ones'] > 0
    # Each image that came was answered, replaced, or still is in work or waiting.
    left = rows['images received'] - rows['images processed']
    assert 0 <= left - rows['images dropped for newer ones'] <= 2
    # One inference and one frame; twice that, for sender and tests take processors away, too. A
    # queue of everything would let an image wait for most of the time measured.
    assert rows['latency p50 [ms]'] < 2 * (alone + frame)
    assert rows['latency max [ms]'] < 1e3 * SECONDS / 2
    assert rows['memory after [MB]'] < 1.02 * rows['memory before [MB]'] + 5
