# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What nodes say when they cannot work, as processes."""

import pytest

pytest.importorskip('vpr_ros.msg', reason='needs ROS 2 and the built messages')

import numpy as np
from node_samples import MODEL, NAME, Reports, make_map, message, picture
from sensor_msgs.msg import Image
from vpr_ros.msg import LocalizerState

pytestmark = pytest.mark.ros


def test_state_names_what_is_missing_from_the_start(start, listener, tmp_path):
    start('place_recognition_node', model=MODEL, map_path=tmp_path / 'none.vprmap')
    states = listener.collect_latched(LocalizerState, f'{NAME}/status')
    listener.wait_until(lambda: states and 'none.vprmap' in states[-1].reason, 20)
    assert states[-1].reason.startswith('NO_MAP: ')
    assert 'no image yet' in states[-1].reason


def test_state_counts_the_images_that_are_refused_and_says_why(start, listener, tmp_path):
    path = make_map(tmp_path / 'm.vprmap', [picture(1)])
    start('place_recognition_node', model=MODEL, map_path=path, rectify=True)
    images = listener.publisher(Image, '/image')
    states = listener.collect_latched(LocalizerState, f'{NAME}/status')

    def said():
        images.publish(message(picture(1), 1))
        listener.wait_until(lambda: True)
        return (
            states
            and 'images refused: images are to be rectified, but no camera_info'
            in states[-1].reason
        )

    listener.wait_until(said, 20, 'for the reason')


def test_confidence_decays_when_no_place_is_accepted_any_more(start, listener, tmp_path):
    path = make_map(tmp_path / 'm.vprmap', [picture(i) for i in range(8)], model='d2vpr-nano')
    start('place_recognition_node', map_path=path, verify='none')
    images = listener.publisher(Image, '/image')
    states = listener.collect_latched(LocalizerState, f'{NAME}/status')

    def sure():
        images.publish(message(picture(1), 1))
        listener.wait_until(lambda: True)
        return states and states[-1].state == LocalizerState.INITIALIZED

    listener.wait_until(sure, 30, 'for an accepted place')
    assert states[-1].reason.startswith('ACCEPTED: probability')
    first = states[-1].confidence
    assert first > 0
    listener.wait_until(lambda: states[-1].confidence < 0.9 * first, 20, 'for doubt')


def test_simulated_time_without_a_clock_is_named(start, listener, tmp_path):
    path = make_map(tmp_path / 'm.vprmap', [picture(1)])
    node = start('place_recognition_node', model=MODEL, map_path=path, use_sim_time=True)
    reports = Reports(listener)
    said = 'use_sim_time is true and nothing has come on /clock'
    listener.wait_until(lambda: said in node.output, 20)
    listener.wait_until(lambda: said in reports.text('place recognition'), 20)
    assert node.output.count(said) == 1


def test_a_node_that_cannot_be_configured_says_why_once(start, listener, tmp_path):
    broken = tmp_path / 'broken.yaml'
    broken.write_text('format: 2026-99-99\n')
    node = start('place_recognition_node', model=MODEL, calibration=broken)
    listener.wait_until(lambda: 'broken.yaml' in node.output, 20)
    listener.wait_until(lambda: 'again every few seconds' in node.output, 20)
    # Until after the next attempt.
    states = []
    listener.wait_until(lambda: states.append(0) or len(states) > 300, 60)
    assert node.output.count('cannot start') == 1
    assert 'a transition failed' not in node.output
    assert 'Traceback' not in node.output


def test_the_first_message_does_not_come_again(start, listener, tmp_path):
    path = make_map(tmp_path / 'm.vprmap', [picture(1)])
    node = start('place_recognition_node', model=MODEL, map_path=path)
    listener.wait_until(lambda: 'no image yet' in node.output, 20)
    images = listener.publisher(Image, '/image')

    def heard():
        images.publish(message(np.roll(picture(1), 1), 1))
        listener.wait_until(lambda: True)
        return 'image: messages come now' in node.output

    listener.wait_until(heard, 20)
    assert 'come again' not in node.output
