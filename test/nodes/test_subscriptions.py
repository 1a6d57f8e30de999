# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What nodes listen to, as processes: several cameras, calibrations, and inputs that fail."""

import os

import pytest

pytest.importorskip('vpr_ros.msg', reason='needs ROS 2 and the built messages')

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped
from node_samples import HEIGHT, MODEL, NAME, WIDTH, Reports, make_map, message, picture
from rclpy.qos import QoSProfile, QoSReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from vpr_ros.msg import PlaceCandidateArray

from vpr_ros.bench.node_process import NodeProcess, reliable
from vpr_ros.inputs.frames.rectify import Rectifier
from vpr_ros.maps import PlaceMap
from vpr_ros.nodes.subscriptions import ImageInput

pytestmark = pytest.mark.ros


@pytest.fixture
def reports(listener):
    return Reports(listener)


def lines_with(node, words):
    return [line for line in node.output.splitlines() if words in line]


def test_each_camera_is_answered_by_name(start, listener, reports, tmp_path):
    path = make_map(tmp_path / 'm.vprmap', [picture(i) for i in range(4)], camera='rear')
    node = start('place_recognition_node', model=MODEL, map_path=path, cameras='front rear')
    answers = listener.collect(PlaceCandidateArray, f'{NAME}/candidates')
    publishers = {name: listener.publisher(Image, f'/{name}/image') for name in ('front', 'rear')}
    number = [0]

    def answered():
        number[0] += 1
        for seed, (name, publisher) in enumerate(publishers.items()):
            publisher.publish(message(picture(seed), number[0], f'{name}_optical_frame'))
        listener.wait_until(lambda: True)
        return {'front', 'rear'} <= {answer.camera for answer in answers}

    listener.wait_until(answered, what='for answers to both cameras')
    for answer in answers:
        assert answer.camera_frame_id == f'{answer.camera}_optical_frame'
        seen = {'front': 1, 'rear': 2}[answer.camera]
        assert answer.status == PlaceCandidateArray.ACCEPTED
        assert answer.candidates[0].place_id == seen
        assert answer.candidates[0].camera == 'rear'
    listener.wait_until(lambda: {'image of front', 'image of rear'} <= set(reports.latest))
    assert 'topic /front/image' in reports.values('image of front')
    assert 'Traceback' not in node.output


def test_one_bad_camera_does_not_hurt_the_others(start, listener, tmp_path):
    path = make_map(tmp_path / 'm.vprmap', [picture(i) for i in range(4)])
    node = start('place_recognition_node', model=MODEL, map_path=path, cameras='front rear')
    answers = listener.collect(PlaceCandidateArray, f'{NAME}/candidates')
    front, rear = (listener.publisher(Image, f'/{name}/image') for name in ('front', 'rear'))
    number = [0]

    def answered():
        number[0] += 1
        front.publish(message(picture(1), number[0]))
        bad = message(picture(1), number[0])
        bad.encoding = 'purple9'
        rear.publish(bad)
        listener.wait_until(lambda: True)
        return len(answers) > 3 and 'purple9' in node.output

    listener.wait_until(answered, what='for answers')
    assert {answer.camera for answer in answers} == {'front'}
    assert 'Traceback' not in node.output


def test_cameras_are_mapped_by_name(start, listener, tmp_path):
    path = tmp_path / 'm.vprmap'
    node = start(
        'map_builder_node',
        map_path=path,
        cameras='left right',
        pose_source='none',
        keyframe_interval=1.0,
    )
    publishers = [listener.publisher(Image, f'/{name}/image') for name in ('left', 'right')]
    number = [0]

    def mapped():
        number[0] += 10
        for seed, publisher in enumerate(publishers):
            publisher.publish(message(picture(100 * number[0] + seed), number[0]))
        listener.wait_until(lambda: True)
        if not path.exists():
            return False
        with PlaceMap.open(path) as place_map:
            cameras = [place.camera for place in place_map.places(place_map.ids)]
        return min(cameras.count('left'), cameras.count('right')) >= 2

    listener.wait_until(mapped, what='for places of both cameras')
    assert node.stop() == 0
    with PlaceMap.open(path) as place_map:
        assert place_map.verify() == []
        assert len(place_map.session_list()) == 1


def calibration():
    focal = 40.0
    info = CameraInfo(height=HEIGHT, width=WIDTH, distortion_model='plumb_bob')
    info.d = [-0.3, 0.08, 0.0, 0.0, 0.0]
    info.k = [focal, 0.0, 31.5, 0.0, focal, 23.5, 0.0, 0.0, 1.0]
    info.p = [focal, 0.0, 31.5, 0.0, 0.0, focal, 23.5, 0.0, 0.0, 0.0, 1.0, 0.0]
    return info


def test_images_are_rectified_by_camera_info_and_wait_for_it(start, listener, tmp_path):
    rectifier = Rectifier('')
    rectifier.learn(calibration())
    path = make_map(tmp_path / 'm.vprmap', [picture(1), rectifier(picture(1))])
    # Both are of one place by their looks: which of them is nearer is the question here.
    node = start(
        'place_recognition_node', model=MODEL, map_path=path, rectify=True, max_distance_ratio=1.0
    )
    images = listener.publisher(Image, '/image')
    infos = listener.publisher(CameraInfo, '/camera_info')
    answers = listener.collect(PlaceCandidateArray, f'{NAME}/candidates')
    number = [0]

    def ask():
        number[0] += 1
        images.publish(message(picture(1), number[0]))
        listener.wait_until(lambda: True)

    def refused():
        ask()
        return 'no camera_info has come on /camera_info' in node.output

    listener.wait_until(refused, what='for a word about camera_info')
    assert not answers

    def answered():
        infos.publish(calibration())
        ask()
        return answers

    listener.wait_until(answered, what='for an answer')
    assert answers[-1].candidates[0].place_id == 2
    assert answers[-1].candidates[0].similarity > 0.999


def test_absent_camera_is_said_once_with_topics_and_types(start, listener, reports):
    node = start('place_recognition_node', model=MODEL)
    listener.wait_until(lambda: 'nobody' in reports.text('image'), what='for a diagnosis')
    for words in ('/image (sensor_msgs/msg/Image)', '/image/compressed', 'ROS_DOMAIN_ID'):
        assert words in reports.text('image')
    assert reports.latest['image'].level == DiagnosticStatus.WARN
    assert reports.latest['place recognition'].level == DiagnosticStatus.WARN
    first = reports.latest['image'].values[0]
    # Two more reports and it is still said once.
    seen = reports.latest['image']
    for _ in range(2):
        listener.wait_until(lambda s=seen: reports.latest['image'] is not s)
        seen = reports.latest['image']
    assert first.key == 'messages'
    assert len(lines_with(node, 'nobody publishes')) == 1


def test_incompatible_quality_of_service_is_named_with_its_parameter(start, listener, reports):
    start('place_recognition_node', model=MODEL, **reliable('/image'))
    best_effort = QoSProfile(depth=5, reliability=QoSReliabilityPolicy.BEST_EFFORT)
    publisher = listener.publisher(Image, '/image', best_effort)

    def said():
        publisher.publish(message(picture(1), 1))
        return 'incompatible' in reports.text('image')

    listener.wait_until(said, what='for a diagnosis')
    text = reports.text('image')
    assert 'best effort publisher and reliable subscription' in text
    assert 'qos_overrides./image.subscription' in text
    assert listener.node.get_name() in text


def test_publisher_of_another_type_is_named(start, listener, reports):
    start('place_recognition_node', model=MODEL, image_transport='raw')
    listener.publisher(CompressedImage, '/image')
    listener.wait_until(
        lambda: 'sensor_msgs/msg/CompressedImage' in reports.text('image'), what='for a diagnosis'
    )
    assert 'not sensor_msgs/msg/Image' in reports.text('image')


def test_camera_that_stops_is_reported_and_so_is_its_return(start, listener, reports):
    node = start('place_recognition_node', model=MODEL)
    publisher = listener.publisher(Image, '/image')
    number = [0]

    def send_until(condition, what):
        def done():
            number[0] += 1
            publisher.publish(message(picture(number[0]), number[0]))
            return condition()

        listener.wait_until(done, what=what)

    send_until(lambda: reports.text('image') == 'messages come', 'for a healthy input')
    listener.wait_until(lambda: 'any more' in reports.text('image'), what='for a diagnosis')
    assert 'sends nothing' in reports.text('image')
    send_until(lambda: lines_with(node, 'messages come again'), 'for the return')
    assert reports.values('image')['publisher /' + listener.node.get_name() + ' of /image']


def test_frozen_camera_is_reported_until_it_moves(start, listener, reports):
    node = start('place_recognition_node', model=MODEL)
    publisher = listener.publisher(Image, '/image')
    number = [0]

    def send(rgb):
        number[0] += 1
        publisher.publish(message(rgb, number[0]))

    def frozen():
        send(picture(1))
        return 'frozen' in reports.text('image')

    listener.wait_until(frozen, what='for a diagnosis')

    def thawed():
        send(picture(number[0]))
        return reports.text('image') == 'messages come'

    listener.wait_until(thawed, what='for the return')
    assert len(lines_with(node, 'is frozen')) == 1


@pytest.mark.parametrize('names', ['front front', 'front/', '2nd', 'a b;c'])
def test_names_that_make_no_topics_are_refused(start, listener, names):
    node = start('place_recognition_node', model=MODEL, cameras=f'"{names}"')
    listener.wait_until(lambda: lines_with(node, 'cannot start'), what='for the complaint')
    assert 'camera' in lines_with(node, 'cannot start')[0]
    assert 'Traceback' not in node.output


FRONT_AND_REAR = '1 0 1; -1 0 1 0 0 3.141592653589793'


def map_in_front(start, listener, path, **parameters):
    """Map one place with the front camera, the robot at the origin; return the camera's mount."""
    node = start(
        'map_builder_node',
        map_path=path,
        cameras='front',
        pose_source='pose',
        **parameters,
    )
    images = listener.publisher(Image, '/front/image')
    poses = listener.publisher(PoseStamped, '/pose')
    number = [0]

    def mapped():
        number[0] += 1
        image = message(picture(1), number[0], 'front_optical_frame')
        images.publish(image)
        pose = PoseStamped(header=image.header)
        pose.pose.orientation.w = 1.0
        poses.publish(pose)
        listener.wait_until(lambda: True)
        return path.exists() and len(PlaceMap.open(path)) > 0

    listener.wait_until(mapped, what='for a place')
    assert node.stop() == 0
    with PlaceMap.open(path) as place_map:
        return place_map.places(place_map.ids)[0].mount


def test_rear_camera_finds_the_robot_turned_round(start, listener, tmp_path):
    path = tmp_path / 'm.vprmap'
    mount = map_in_front(start, listener, path, model=MODEL, camera_extrinsics='1 0 1')
    assert mount.position.tolist() == [1.0, 0.0, 1.0]
    start(
        'place_recognition_node',
        model=MODEL,
        map_path=path,
        cameras='front rear',
        camera_extrinsics=FRONT_AND_REAR,
    )
    rear = listener.publisher(Image, '/rear/image')
    poses = listener.collect(PoseWithCovarianceStamped, f'{NAME}/pose')

    def located():
        rear.publish(message(picture(1), 1))
        return poses

    listener.wait_until(located, what='for a pose')
    pose = poses[-1].pose.pose
    # The camera, a metre behind the base and looking back, is where the front camera was.
    assert pose.position.x == pytest.approx(0.0, abs=1e-6)
    assert abs(pose.orientation.z) == pytest.approx(1.0)


TF2_ROS = """
class TransformException(Exception):
    pass

class Buffer:
    asked = 0
    def lookup_transform(self, target, source, time):
        from geometry_msgs.msg import TransformStamped
        self.asked += 1
        if self.asked < 3 or (target, source) != ('base_link', 'front_optical_frame'):
            raise TransformException('not yet')
        found = TransformStamped()
        found.transform.translation.x = 0.7
        found.transform.rotation.w = 1.0
        return found

class TransformListener:
    def __init__(self, buffer, node):
        pass
    def unregister(self):
        pass
"""


def test_mounts_come_from_tf_where_it_is_installed(start, listener, tmp_path, monkeypatch):
    # Stands in for tf2_ros, of which there is no wheel.
    (tmp_path / 'tf2_ros.py').write_text(TF2_ROS)
    monkeypatch.setenv('PYTHONPATH', f'{tmp_path}:{os.environ.get("PYTHONPATH", "")}')
    path = tmp_path / 'm.vprmap'
    node = start(
        'map_builder_node',
        kind=NodeProcess,  # tf2_ros is on the path of a new process only
        map_path=path,
        cameras='front',
        pose_source='none',
        keyframe_interval=1.0,
    )
    images = listener.publisher(Image, '/front/image')
    number = [0]

    def mounted():
        number[0] += 2
        images.publish(message(picture(number[0]), number[0], 'front_optical_frame'))
        listener.wait_until(lambda: True)
        if not path.exists():
            return False
        with PlaceMap.open(path) as place_map:
            return any(place.mount for place in place_map.places(place_map.ids))

    listener.wait_until(mounted, what='for a place with a mount')
    assert len(lines_with(node, 'tf: ')) == 1
    assert 'Traceback' not in node.output
    with PlaceMap.open(path) as place_map:
        place = place_map.places(place_map.ids)[-1]
    assert place.mount.position[0] == pytest.approx(0.7)


def test_images_lost_on_the_way_are_counted_where_one_sends(listener):
    frames, errors = [], []
    images = ImageInput(
        listener.node, '', 'raw', frames.append, errors.append, rectify=False, depth=2
    )
    publisher, number = listener.publisher(Image, 'image'), [0]

    def send(count):
        for _ in range(count):
            number[0] += 1
            publisher.publish(message(picture(1), number[0]))

    def heard():
        send(1)
        listener.wait_until(lambda: True)
        return frames

    def lost():
        send(8)  # while nobody takes them
        listener.wait_until(lambda: True)
        return images.health.lost

    listener.wait_until(heard)
    if images.health._number is None:
        pytest.skip('this rclpy or middleware does not tell the numbers of messages')
    listener.wait_until(lost)
    newest = frames[-1].stamp
    listener.wait_until(lambda: heard() and frames[-1].stamp > newest)
    stamps = [frame.stamp // 10**9 for frame in frames]
    assert stamps == sorted(stamps)
    assert len(frames) + images.health.lost == stamps[-1] - stamps[0] + 1
    values = {value.key: value.value for value in images.health.status().values}
    assert values['messages lost on the way'] == str(images.health.lost)

    other, before = listener.publisher(Image, 'image'), images.health.lost
    listener.wait_until(lambda: listener.node.count_publishers('image') == 2)
    seen = len(frames)

    def mixed():
        other.publish(message(picture(2), number[0]))
        return heard() and len(frames) > seen + 6

    listener.wait_until(mixed)
    assert images.health.lost == before
    assert not errors
    images.destroy()
