# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""place_recognition_node with a model adapted to its map, and its calibration."""

import pytest

pytest.importorskip('vpr_ros.msg', reason='needs ROS 2 and the built messages')

from adapted_drives import adapt, elsewhere, seen, write_drives
from builtin_interfaces.msg import Time
from commands import run
from sensor_msgs.msg import Image
from vpr_ros.msg import PlaceCandidateArray

pytestmark = [pytest.mark.ros, pytest.mark.slow]
NODE = 'place_recognition_node'


def _message(picture, second):
    height, width = picture.shape
    image = Image(height=height, width=width, step=width, encoding='mono8', data=picture.tobytes())
    image.header.stamp = Time(sec=second, nanosec=0)
    return image


def test_node_answers_with_the_adapted_model_and_its_calibration(start, listener, tmp_path):
    drives, model = write_drives(tmp_path), tmp_path / 'own.safetensors'
    assert adapt(drives, model, *elsewhere(drives)) == 0
    given = drives / 'day.vprmap', '--model', model, '--bag', drives / 'day'
    assert run('map', 'redescribe', *given, '-o', drives / 'own.vprmap') == 0
    node = start(
        NODE,
        model=model,
        map_path=drives / 'own.vprmap',
        calibration=drives / 'own.calibration.yaml',
    )
    publisher = listener.publisher(Image, '/image')
    answers = listener.collect(PlaceCandidateArray, f'/{NODE}/candidates')
    listener.wait_until(publisher.get_subscription_count, 60, 'for the node to subscribe')

    def answered():  # the first image may be lost in discovery
        publisher.publish(_message(seen(50, 7), 1))
        return answers

    listener.wait_until(answered, 60, 'for the answer')
    best = answers[0].candidates[0]
    assert best.pose.pose.position.x == 100.0
    assert 0.9 < best.score <= 1
    assert answers[0].status == PlaceCandidateArray.ACCEPTED
    assert node.alive
