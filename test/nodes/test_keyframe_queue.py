# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip('vpr_ros.msg', reason='needs ROS 2 and the built messages')

from pictures import blocks

from vpr_ros.inputs.frames import Frame
from vpr_ros.inputs.frames.cdr import types
from vpr_ros.nodes.keyframe_queue import KeyframeQueue, PosedFrame
from vpr_ros.nodes.map_builder_node import MapBuilderNode

IMAGE = 'sensor_msgs/msg/Image'
SIZE = 96 * 128 * 3


def frame(number):
    kinds = types().types
    stamp = kinds['builtin_interfaces/msg/Time'](number, 0)
    header = kinds['std_msgs/msg/Header'](stamp, 'camera')
    image = kinds[IMAGE](header, 96, 128, 'rgb8', 0, 384, blocks(number).ravel())
    return Frame(bytes(types().serialize_cdr(image, IMAGE)), IMAGE)


class Slow:
    """Works only when it is let."""

    def __init__(self, **limits):
        self.go, self.done, self.errors = threading.Event(), [], []
        self.queue = KeyframeQueue(self.work, self.errors.append, **limits)

    def work(self, items):
        self.go.wait(20)
        self.done += [(item.frame.stamp // 10**9, item.frame.rgb.copy()) for item in items]
        return len(items)


@pytest.mark.parametrize('memory', [100 * SIZE, 3 * SIZE, 0])
def test_every_keyframe_is_worked_on_in_order_from_memory_and_disk(memory, tmp_path, monkeypatch):
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    slow = Slow(memory=memory)
    for number in range(1, 21):
        slow.queue.submit(PosedFrame(frame(number), None, 0.0))
    stored = len(list(tmp_path.glob('*/*.npy')))
    assert stored >= {100 * SIZE: 0, 3 * SIZE: 16, 0: 19}[memory]
    assert slow.queue.waiting == 20
    slow.go.set()
    assert slow.queue.wait(20)
    assert [number for number, _ in slow.done] == list(range(1, 21))
    for number, picture in slow.done:
        np.testing.assert_array_equal(picture, blocks(number))
    assert (slow.queue.received, slow.queue.processed, slow.queue.dropped) == (20, 20, 0)
    assert not list(tmp_path.glob('*/*.npy'))
    slow.queue.stop()
    assert not list(tmp_path.iterdir())


def test_what_finds_no_room_is_dropped_and_counted():
    slow = Slow(memory=2 * SIZE, disk=3 * SIZE)
    for number in range(1, 21):
        slow.queue.submit(PosedFrame(frame(number), None, 0.0))
    assert slow.queue.dropped >= 20 - 2 - 3 - 1 - 1
    slow.go.set()
    assert slow.queue.wait(20)
    assert slow.queue.processed + slow.queue.dropped == 20
    slow.queue.stop()


def test_errors_of_the_work_are_told_and_the_next_keyframe_is_worked_on():
    slow = Slow()
    slow.go.set()
    failing = iter([ValueError('first'), None])
    work = slow.queue._work

    def fails_once(items):
        if error := next(failing):
            raise error
        return work(items)

    slow.queue._work = fails_once
    for number in (1, 2):
        slow.queue.submit(PosedFrame(frame(number), None, 0.0))
    assert slow.queue.wait(20)
    assert [str(error) for error in slow.errors] == ['first']
    assert [number for number, _ in slow.done] == [2]
    slow.queue.stop()


def test_a_node_that_ends_is_waited_for_until_all_keyframes_are_added_or_it_is_hurried():
    said = []
    logger = SimpleNamespace(info=said.append, error=said.append)
    for hurried in (False, True):
        slow = Slow()
        node = SimpleNamespace(_queue=slow.queue, hurried=False, get_logger=lambda: logger)
        for number in range(1, 6):
            slow.queue.submit(PosedFrame(frame(number), None, 0.0))
        ending = threading.Thread(target=MapBuilderNode.finish, args=[node])
        ending.start()
        assert not slow.queue.wait(0.3)
        assert MapBuilderNode.waiting.fget(node) == 5
        if hurried:
            node.hurried = True
            ending.join(20)
        slow.go.set()
        ending.join(20)
        assert MapBuilderNode.waiting.fget(node) == 0
        slow.queue.stop()
    assert said[0] == '5 keyframes wait and are added first; another signal leaves them'
    assert said[2] == '5 keyframes that waited are not in the map'


def test_keyframes_that_wait_can_be_discarded():
    slow = Slow()
    for number in range(1, 6):
        slow.queue.submit(PosedFrame(frame(number), None, 0.0))
    assert slow.queue.discard() >= 4
    slow.go.set()
    assert slow.queue.wait(20)
    slow.queue.stop()
    assert len(slow.done) <= 1
