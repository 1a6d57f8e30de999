# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The bridge to localisations that must be told where to begin."""

import itertools

import pytest

pytest.importorskip('vpr_ros.msg', reason='needs ROS 2 and the built messages')

from geometry_msgs.msg import PoseWithCovarianceStamped
from node_samples import MODEL, NAME, make_map, message, picture, seen_again
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger
from vpr_ros.msg import PlaceCandidateArray

from vpr_ros.describe import Describer
from vpr_ros.geometry import Pose
from vpr_ros.maps import MapWriter, NewPlace

pytestmark = pytest.mark.ros


def test_first_accepted_pose_starts_a_localisation_and_one_more_after_relocalize(
    start, listener, tmp_path
):
    describer = Describer('hog')
    path = tmp_path / 'm.vprmap'
    with MapWriter.create(path, describer.model_info) as place_map:
        session = place_map.begin_session('drive', 0)
        for i in range(4):
            (description,) = describer.describe([picture(i)])
            pose = Pose.planar(100.0 * i, 0, 0)
            place_map.add([NewPlace(description, session, stamp=i, pose=pose)])
    node = start(
        'place_recognition_node',
        model='hog',
        map_path=path,
        initial_pose='once',
        calibration='none',
    )
    poses = listener.collect(PoseWithCovarianceStamped, f'{NAME}/pose')
    images = listener.publisher(Image, '/image')
    seconds = [0]

    def see(number, until=None):
        """Show a place until its pose comes and a condition holds."""
        before = len(poses)

        def seen():
            seconds[0] += 1
            images.publish(message(seen_again(picture(number), seconds[0]), seconds[0]))
            for _ in range(4):
                listener.wait_until(lambda: True)
            came = any(p.pose.pose.position.x == 100.0 * number for p in poses[before:])
            return came and (until is None or until())

        listener.wait_until(seen, 60, f'for the pose of place {number}')

    see(2)
    # Who subscribes after the first accepted poses is told, too.
    initial = listener.collect(PoseWithCovarianceStamped, '/initialpose')
    see(2, until=lambda: initial)
    see(3)
    assert [message.pose.pose.position.x for message in initial] == [200.0]
    assert initial[0].header.frame_id == 'map'
    assert initial[0].pose.covariance[0] > 0
    client = listener.node.create_client(Trigger, f'{NAME}/relocalize')
    listener.wait_until(client.service_is_ready, 30, 'for the service')
    answer = client.call_async(Trigger.Request())
    listener.wait_until(answer.done, 30, 'for the answer')
    see(1, until=lambda: len(initial) == 2)
    assert node.stop() == 0
    assert 'Traceback' not in node.output


def test_robot_that_stands_is_answered_again_after_relocalize(start, listener, tmp_path):
    path = make_map(tmp_path / 'm.vprmap', [picture(i) for i in range(3)])
    start('place_recognition_node', model=MODEL, map_path=path, calibration='none')
    answers = listener.collect(PlaceCandidateArray, f'{NAME}/candidates')
    images, seconds = listener.publisher(Image, '/image'), itertools.count(1)

    def stands(status):
        images.publish(message(picture(1), next(seconds)))
        return status in {answer.status for answer in answers}

    for _ in range(2):
        listener.wait_until(lambda: stands(PlaceCandidateArray.ACCEPTED), 60, 'for an answer')
        listener.wait_until(lambda: stands(PlaceCandidateArray.UNINFORMATIVE), 30, 'for no more')
        answers.clear()
        client = listener.node.create_client(Trigger, f'{NAME}/relocalize')
        listener.wait_until(client.service_is_ready, 30, 'for the service')
        answer = client.call_async(Trigger.Request())
        listener.wait_until(answer.done, 30, 'for the answer')
