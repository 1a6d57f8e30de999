# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""place_recognition_node as a process: every processed image gets one honest answer."""

import signal
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip('vpr_ros.msg', reason='needs ROS 2 and the built messages')

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseArray, PoseWithCovarianceStamped
from sensor_msgs.msg import Image
from vpr_ros.msg import LocalizerState, MapInfo, PlaceCandidateArray

from vpr_ros import models
from vpr_ros.bench.node_process import NodeProcess, reliable
from vpr_ros.describe import Describer
from vpr_ros.geometry import Pose
from vpr_ros.maps import MapWriter, NewPlace
from vpr_ros.models import Preprocessing
from vpr_ros.models.model_card import ModelCard, card_of
from vpr_ros.models.weights_file import save_weights

pytestmark = pytest.mark.ros
NAME = '/place_recognition_node'
MODEL = 'd2vpr-nano'


def picture(seed):
    """A picture like no other: coloured blocks."""
    blocks = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return blocks.repeat(8, 0).repeat(8, 1)


def message(rgb, seconds):
    height, width, _ = rgb.shape
    image = Image(height=height, width=width, step=width * 3, encoding='rgb8', data=rgb.tobytes())
    image.header.stamp = Time(sec=seconds, nanosec=0)
    image.header.frame_id = 'camera_optical_frame'
    return image


@pytest.fixture(scope='module')
def describer():
    return Describer(MODEL)


def make_map(path, describer, seeds, model=None, *, posed=True):
    with MapWriter.create(path, model=model or describer.model_info) as place_map:
        session = place_map.begin_session('test', 0)
        for i, seed in enumerate(seeds):
            (description,) = describer.describe([picture(seed)])
            pose = Pose.planar(100.0 * i, 0, 0) if posed else None
            place = NewPlace(description, session, stamp=i * 10**11, pose=pose)
            place_map.add([place])
    return path


class Camera:
    def __init__(self, listener):
        self.listener = listener
        self.publisher = listener.publisher(Image, '/image')
        self.answers = listener.collect(PlaceCandidateArray, f'{NAME}/candidates')
        self.poses = listener.collect(PoseWithCovarianceStamped, f'{NAME}/pose')

    def wait_for_node(self):
        self.listener.wait_until(
            lambda: (
                self.publisher.get_subscription_count() > 0
                and self.listener.node.count_publishers(f'{NAME}/candidates') > 0
            ),
            60,
            'for the node to subscribe',
        )

    def ask(self, rgb, seconds):
        """Send an image until its answer comes; the first may be lost in discovery."""
        before = len(self.answers)

        def answered():
            if self.listener.node.get_clock().now().nanoseconds - self.sent > 2 * 10**9:
                self.send(message(rgb, seconds))
            return any(a.header.stamp.sec == seconds for a in self.answers[before:])

        self.sent = 0
        self.listener.wait_until(answered, 60, f'for the answer to image {seconds}')
        return self.answers[-1]

    def send(self, image):
        self.publisher.publish(image)
        self.sent = self.listener.node.get_clock().now().nanoseconds


def test_known_place_is_accepted_with_pose_status_and_map_info(
    start, listener, tmp_path, describer
):
    path = make_map(tmp_path / 'm.vprmap', describer, range(8))
    info = listener.collect_latched(MapInfo, f'{NAME}/map_info')
    status = listener.collect_latched(LocalizerState, f'{NAME}/status')
    mirror = listener.collect(PoseArray, f'{NAME}/candidate_poses')
    reports = listener.collect(DiagnosticArray, '/diagnostics')
    node = start('place_recognition_node', kind=NodeProcess, model=MODEL, map_path=path)
    camera = Camera(listener)
    camera.wait_for_node()
    answer = camera.ask(picture(3), 7)

    assert answer.status == PlaceCandidateArray.ACCEPTED
    assert answer.header.stamp == Time(sec=7, nanosec=0)
    assert answer.header.frame_id == 'map'
    assert answer.trained
    assert answer.candidates[0].place_id == 4
    assert answer.candidates[0].pose.pose.position.x == 300.0
    assert answer.candidates[0].hamming_distance == 0
    assert answer.candidates[0].score > 0.5
    assert [c.similarity for c in answer.candidates] == sorted(
        (c.similarity for c in answer.candidates), reverse=True
    )
    assert answer.latency.sec + answer.latency.nanosec > 0
    listener.wait_until(lambda: camera.poses and info and mirror and reports)
    assert camera.poses[-1].pose.pose.position.x == 300.0
    assert camera.poses[-1].pose.covariance[0] > 0
    assert len(mirror[-1].poses) == len(answer.candidates)
    assert info[-1].num_places == 8
    assert info[-1].map_id == answer.map_id
    listener.wait_until(
        lambda: status and status[-1].state == LocalizerState.INITIALIZED, what='for the state'
    )
    listener.wait_until(
        lambda: any('overhead' in v.key for v in reports[-1].status[0].values),
        what='for latencies in diagnostics',
    )
    assert node.stop() == 0
    assert 'Traceback' not in node.output


ZOO = {
    'salad': {
        'vit': {'width': 64, 'depth': 3, 'heads': 2, 'native_grid': 5},
        'clusters': 4,
        'cluster_dim': 8,
        'token_dim': 8,
        'hidden': 16,
    },
    'boq-resnet50': {'resnet': {'blocks': [1] * 4, 'width': 8}, 'width': 64, 'queries': 4},
    'image-gsv': {'vit': {'width': 64, 'depth': 3, 'heads': 2, 'registers': 4}, 'after': 2},
    'eigenplaces-resnet18': {'resnet': {'blocks': [1] * 4, 'width': 8}, 'descriptor_dim': 32},
    'mixvpr': {'resnet': {'blocks': [1] * 4, 'width': 8}, 'grid': 4, 'channels': 16, 'rows': 2},
}


@pytest.mark.parametrize(
    'name', ['salad', *(pytest.param(name, marks=pytest.mark.slow) for name in [*ZOO][1:])]
)
def test_node_describes_with_the_network_of_a_file(start, listener, tmp_path, name):
    registered = models.spec(name)
    side = 64 if 'resnet' in ZOO[name] else 56
    entry = replace(
        registered, options=registered.options | ZOO[name], preprocessing=Preprocessing(side)
    )
    net = models.network_of(entry)
    net.load_state_dict(models.initial_state(net, 1), assign=True)
    file = tmp_path / 'mine.safetensors'
    save_weights(file, net.state_dict(), card_of(entry, net, ModelCard(name, 'mine')))
    describer = Describer(str(file), device='cpu')
    path = make_map(tmp_path / 'm.vprmap', describer, range(5))
    node = start('place_recognition_node', kind=NodeProcess, model=file, map_path=path)
    camera = Camera(listener)
    camera.wait_for_node()
    answer = camera.ask(picture(3), 7)

    assert answer.candidates[0].place_id == 4
    assert answer.candidates[0].similarity > 0.999
    assert node.stop() == 0
    assert 'Traceback' not in node.output


def test_debug_image_is_made_while_somebody_looks(start, listener, tmp_path, describer):
    path = make_map(tmp_path / 'm.vprmap', describer, range(3))
    node = start('place_recognition_node', model=MODEL, map_path=path)
    camera = Camera(listener)
    camera.wait_for_node()
    pictures = listener.collect(Image, f'{NAME}/debug_image', 1)
    seconds = [0]

    def shown():
        seconds[0] += 1
        camera.ask(picture(1), seconds[0])
        return pictures

    listener.wait_until(shown, what='for a debug image')
    shown = pictures[0]
    pixels = np.frombuffer(shown.data, np.uint8).reshape(shown.height, shown.width, 3)
    assert pixels.std() > 10
    assert 'Traceback' not in node.output


def test_look_alikes_far_apart_are_ambiguous_and_give_no_pose(
    start, listener, tmp_path, describer
):
    path = make_map(tmp_path / 'm.vprmap', describer, [0, 1, 1])
    start('place_recognition_node', model=MODEL, map_path=path)
    camera = Camera(listener)
    camera.wait_for_node()
    answer = camera.ask(picture(1), 1)
    assert answer.status == PlaceCandidateArray.AMBIGUOUS
    assert not camera.poses


def test_threshold_can_be_changed_while_running(start, listener, tmp_path, describer):
    from rcl_interfaces.msg import Parameter, ParameterValue
    from rcl_interfaces.srv import SetParameters

    path = make_map(tmp_path / 'm.vprmap', describer, range(3))
    node = start('place_recognition_node', model=MODEL, map_path=path)
    camera = Camera(listener)
    camera.wait_for_node()
    client = listener.node.create_client(SetParameters, f'{NAME}/set_parameters')
    listener.wait_until(client.service_is_ready)

    def set_threshold(value):
        parameter = Parameter(
            name='min_similarity', value=ParameterValue(type=3, double_value=value)
        )
        future = client.call_async(SetParameters.Request(parameters=[parameter]))
        listener.wait_until(future.done)
        return future.result().results[0]

    refusal = set_threshold(7.0)
    assert not refusal.successful
    assert 'min_similarity' in refusal.reason
    assert set_threshold(0.9999).successful
    answer = camera.ask(picture(77), 1)
    assert answer.status == PlaceCandidateArray.BELOW_THRESHOLD
    assert node.alive


def test_missing_map_is_said_and_used_as_soon_as_it_is_there(start, listener, tmp_path, describer):
    path = tmp_path / 'm.vprmap'
    node = start('place_recognition_node', model=MODEL, map_path=path)
    camera = Camera(listener)
    camera.wait_for_node()
    answer = camera.ask(picture(1), 1)
    assert answer.status == PlaceCandidateArray.NO_MAP
    assert str(path) in answer.reason
    make_map(path, describer, range(8))
    seconds = [1]

    def accepted():
        seconds[0] += 1
        return camera.ask(picture(2), seconds[0]).status == PlaceCandidateArray.ACCEPTED

    listener.wait_until(accepted, what='for the map to be used')
    assert node.alive


@pytest.mark.parametrize('damage', ['truncated', 'foreign', 'empty'])
def test_damaged_map_is_named_and_left_alone(start, listener, tmp_path, describer, damage):
    path = make_map(tmp_path / 'm.vprmap', describer, range(3))
    content = {
        'truncated': path.read_bytes()[:5000],
        'foreign': b'PK' + b'x' * 1000,
        'empty': b'',
    }[damage]
    path.write_bytes(content)
    node = start('place_recognition_node', model=MODEL, map_path=path)
    camera = Camera(listener)
    camera.wait_for_node()
    answer = camera.ask(picture(1), 1)
    assert answer.status == PlaceCandidateArray.NO_MAP
    assert str(path) in answer.reason
    assert path.read_bytes() == content
    assert 'Traceback' not in node.output


def test_map_of_other_weights_is_refused_with_both_names(start, listener, tmp_path, describer):
    from dataclasses import replace

    other = replace(describer.model_info, weights_id='feedface')
    path = make_map(tmp_path / 'm.vprmap', describer, range(3), model=other)
    start('place_recognition_node', model=MODEL, map_path=path)
    camera = Camera(listener)
    camera.wait_for_node()
    answer = camera.ask(picture(1), 1)
    assert answer.status == PlaceCandidateArray.NO_MAP
    assert 'feedface' in answer.reason


def test_broken_images_are_refused_and_good_ones_still_answered(
    start, listener, tmp_path, describer
):
    path = make_map(tmp_path / 'm.vprmap', describer, range(3))
    node = start('place_recognition_node', model=MODEL, map_path=path)
    camera = Camera(listener)
    camera.wait_for_node()
    camera.ask(picture(1), 1)
    for i, (change, words) in enumerate(
        [
            ({'data': b''}, 'empty'),
            ({'data': b'abc'}, 'carries 3'),
            ({'step': 1}, 'step'),
            ({'encoding': 'purple9'}, 'purple9'),
            ({'encoding': ''}, "encoding ''"),
            ({'width': 2**32 - 1, 'height': 2**32 - 1}, '4294967295'),
        ]
    ):
        image = message(picture(1), 100 + i)
        for name, value in change.items():
            setattr(image, name, value)
        camera.send(image)
        listener.wait_until(lambda w=words: w in node.output, 20, f'for a word on {change}')
        camera.ask(picture(2), 200 + i)
    assert not [a for a in camera.answers if 100 <= a.header.stamp.sec < 200]
    assert 'Traceback' not in node.output


def test_stamps_that_go_backwards_are_answered_with_their_own_stamp(
    start, listener, tmp_path, describer
):
    path = make_map(tmp_path / 'm.vprmap', describer, range(3))
    start('place_recognition_node', model=MODEL, map_path=path)
    camera = Camera(listener)
    camera.wait_for_node()
    for seconds in (1000, 5, 3):
        assert camera.ask(picture(2), seconds).header.stamp.sec == seconds


def test_places_added_by_a_running_mapper_are_found(start, listener, tmp_path, describer):
    path = make_map(tmp_path / 'm.vprmap', describer, range(3))
    start('place_recognition_node', model=MODEL, map_path=path)
    camera = Camera(listener)
    camera.wait_for_node()
    first = camera.ask(picture(50), 1)
    with MapWriter.open(path) as place_map:
        session = place_map.begin_session('later', 0)
        (description,) = describer.describe([picture(50)])
        place_map.add([NewPlace(description, session, stamp=9, pose=Pose.planar(999, 0, 0))])
        seconds = [1]

        def found():
            seconds[0] += 1
            return camera.ask(picture(50), seconds[0]).candidates[0].place_id == 4

        listener.wait_until(found, what='for the new place')
    assert camera.answers[-1].map_version > first.map_version


def test_quality_of_service_of_an_input_can_be_overridden(start, listener):
    from rclpy.qos import QoSReliabilityPolicy

    start('place_recognition_node', **reliable('/image'))
    topics = ('/image', '/image/compressed')

    def infos():
        found = {t: listener.node.get_subscriptions_info_by_topic(t) for t in topics}
        return {t: info[0].qos_profile.reliability for t, info in found.items() if info}

    listener.wait_until(lambda: len(infos()) == 2, 60, 'for both subscriptions')
    assert infos() == {
        '/image': QoSReliabilityPolicy.RELIABLE,
        '/image/compressed': QoSReliabilityPolicy.BEST_EFFORT,
    }


def test_terminated_node_ends_cleanly(start, listener, tmp_path, describer):
    path = make_map(tmp_path / 'm.vprmap', describer, range(3))
    node = start('place_recognition_node', model=MODEL, map_path=path)
    camera = Camera(listener)
    camera.wait_for_node()
    assert node.stop(signal.SIGTERM) == 0


def test_lifecycle_can_be_driven_from_outside(start, listener, tmp_path, describer):
    from lifecycle_msgs.msg import Transition
    from lifecycle_msgs.srv import ChangeState

    path = make_map(tmp_path / 'm.vprmap', describer, range(8))
    start('place_recognition_node', model=MODEL, map_path=path, autostart=False)
    client = listener.node.create_client(ChangeState, f'{NAME}/change_state')
    listener.wait_until(client.service_is_ready, 60)
    camera = Camera(listener)

    def change(transition):
        request = ChangeState.Request(transition=Transition(id=transition))
        future = client.call_async(request)
        listener.wait_until(future.done, 60)
        return future.result().success

    # This request changes nothing.
    impossible = Transition(id=Transition.TRANSITION_ACTIVATE)
    listener.reach(client, ChangeState.Request(transition=impossible))
    for round_ in range(2):
        assert change(Transition.TRANSITION_CONFIGURE)
        assert change(Transition.TRANSITION_ACTIVATE)
        camera.wait_for_node()
        assert camera.ask(picture(1), 10 + round_).status == PlaceCandidateArray.ACCEPTED
        assert change(Transition.TRANSITION_DEACTIVATE)
        listener.wait_until(lambda: camera.publisher.get_subscription_count() == 0)
        assert change(Transition.TRANSITION_CLEANUP)
    assert not change(Transition.TRANSITION_ACTIVATE)


def test_a_map_without_poses_gives_the_place_and_no_pose(start, listener, tmp_path, describer):
    path = make_map(tmp_path / 'm.vprmap', describer, range(24), posed=False)
    mirror = listener.collect(PoseArray, f'{NAME}/candidate_poses')
    start('place_recognition_node', model=MODEL, map_path=path)
    camera = Camera(listener)
    camera.wait_for_node()
    answer = camera.ask(picture(3), 7)
    assert answer.status == PlaceCandidateArray.ACCEPTED
    assert answer.reason.endswith('the place has no pose')
    place = answer.candidates[0]
    assert (place.place_id, place.pose.covariance[0]) == (4, -1)
    pose = place.pose.pose
    assert np.isnan([pose.position.x, pose.position.z, pose.orientation.w]).all()
    listener.wait_until(lambda: mirror)
    assert not camera.poses
    assert not mirror[-1].poses
