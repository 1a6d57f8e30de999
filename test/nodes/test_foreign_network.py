# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Nodes with a network of others: one image that it fails on is left out, and no other."""

import pytest

pytest.importorskip('vpr_ros.msg', reason='needs ROS 2 and the built messages')

from foreign_networks import odd_file, write_card
from nav_msgs.msg import Odometry
from node_samples import NAME, make_map, message, picture
from sensor_msgs.msg import Image
from vpr_ros.msg import PlaceCandidateArray

from vpr_ros.bench.node_process import NodeProcess
from vpr_ros.maps import PlaceMap

pytestmark = pytest.mark.ros


def _red(seed):
    found = picture(seed)
    found[..., 0] = 255
    return found


@pytest.mark.parametrize('kind', ['nan', 'error'])
def test_image_that_the_network_fails_on_gets_no_answer_and_the_next_does(
    start, listener, tmp_path, kind
):
    model = odd_file(tmp_path / 'odd.pt', kind)
    path = make_map(tmp_path / 'm.vprmap', [picture(i) for i in range(4)], model=model)
    node = start(NAME[1:], kind=NodeProcess, model=model, map_path=path)
    publisher = listener.publisher(Image, '/image')
    answers = listener.collect(PlaceCandidateArray, f'{NAME}/candidates')
    listener.wait_until(publisher.get_subscription_count, 60, 'for the node to subscribe')

    def send(rgb, number, done):
        def sent():
            publisher.publish(message(rgb, number))
            return done()

        listener.wait_until(sent, 60, f'for image {number}')

    send(picture(1), 1, lambda: answers)
    said = {'nan': 'is not finite', 'error': 'odd.pt fails on an image'}[kind]
    send(_red(2), 2, lambda: said in node.output)
    send(picture(3), 3, lambda: any(answer.header.stamp.sec == 3 for answer in answers))
    assert answers[-1].candidates[0].place_id == 4
    assert not any(answer.header.stamp.sec == 2 for answer in answers)
    assert node.stop() == 0
    assert 'Traceback' not in node.output


def test_image_that_the_network_fails_on_becomes_no_place(start, listener, tmp_path):
    path, model = tmp_path / 'm.vprmap', odd_file(tmp_path / 'odd.pt', 'nan')
    node = start('map_builder_node', kind=NodeProcess, model=model, map_path=path)
    images, poses = listener.publisher(Image, '/image'), listener.publisher(Odometry, '/odom')
    listener.wait_until(
        lambda: images.get_subscription_count() and poses.get_subscription_count(),
        60,
        'for the node to subscribe',
    )
    steps, red = [0], set()

    def places():
        if not path.exists():
            return 0
        with PlaceMap.open(path) as place_map:
            return len(place_map)

    def drive():
        steps[0] += 1
        rgb = picture(steps[0])
        if steps[0] % 3 == 0:
            rgb = _red(steps[0])
            red.add(steps[0] * 10**9)
        pose = Odometry()
        pose.header.stamp.sec = steps[0]
        pose.pose.pose.position.x = float(3 * steps[0])
        pose.pose.pose.orientation.w = 1.0
        images.publish(message(rgb, steps[0]))
        poses.publish(pose)
        return places() >= 6 and 'is not finite' in node.output

    listener.wait_until(drive, 90, 'for places')
    assert node.stop() == 0
    with PlaceMap.open(path) as place_map:
        assert not red & set(place_map.snapshot.columns.stamps.tolist())
    assert 'Traceback' not in node.output


def test_card_that_was_changed_after_the_map_was_made_is_noticed(start, listener, tmp_path):
    model = odd_file(tmp_path / 'odd.pt', 'nan')
    path = make_map(tmp_path / 'm.vprmap', [picture(i) for i in range(4)], model=model)
    rule = {'height': 24, 'width': 32, 'fit': 'stretch', 'mean': [0.5] * 3, 'std': [1] * 3}
    write_card(tmp_path / 'odd.pt', model='torchscript', preprocessing=rule)
    node = start(NAME[1:], kind=NodeProcess, model=model, map_path=path)
    listener.wait_until(lambda: 'preprocessing' in node.output, 60, 'for the reason')
