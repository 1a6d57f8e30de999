# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The services of nodes that run as processes: every request is answered, none goes too far."""

import math
import shutil

import cv2
import numpy as np
import pytest

pytest.importorskip('vpr_ros.msg', reason='needs ROS 2 and the built messages')

from builtin_interfaces.msg import Time
from nav_msgs.msg import Odometry
from sensor_msgs.msg import CompressedImage, Image
from std_srvs.srv import SetBool, Trigger
from vpr_ros.msg import MapInfo, PlaceCandidateArray
from vpr_ros.srv import DeleteSession, GetPlace, LoadMap, MergeMap, QueryPlace, SaveMap

from vpr_ros.describe import Describer
from vpr_ros.geometry import Pose
from vpr_ros.inputs.frames.thumbnail_codec import decode_thumbnail, encode_thumbnail
from vpr_ros.maps import MapWriter, NewPlace, PlaceMap, verify

pytestmark = pytest.mark.ros
MODEL = 'hog'  # quickly loaded; nothing here depends on it
FINDER, BUILDER = '/place_recognition_node', '/map_builder_node'
TYPES = {
    'clear_map': Trigger,
    'delete_session': DeleteSession,
    'get_place': GetPlace,
    'load_map': LoadMap,
    'merge_map': MergeMap,
    'query': QueryPlace,
    'relocalize': Trigger,
    'save_map': SaveMap,
    'set_mapping': SetBool,
}


def picture(seed):
    blocks = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return blocks.repeat(8, 0).repeat(8, 1)


def image_of(seed, seconds=0):
    rgb = picture(seed)
    height, width, _ = rgb.shape
    image = Image(height=height, width=width, step=width * 3, encoding='rgb8', data=rgb.tobytes())
    image.header.stamp = Time(sec=seconds)
    return image


@pytest.fixture(scope='module')
def describer():
    return Describer(MODEL)


@pytest.fixture
def make_map(describer, tmp_path):
    def make(name, seeds, model=None):
        path = tmp_path / name
        with MapWriter.create(path, model=model or describer.model_info) as place_map:
            session = place_map.begin_session(name, 0)
            for i, seed in enumerate(seeds):
                (description,) = describer.describe([picture(seed)])
                pose = Pose.planar(100.0 * i, 0, 0)
                jpeg = encode_thumbnail(picture(seed), 32) if i % 2 == 0 else None
                place_map.add([NewPlace(description, session, stamp=i, pose=pose, thumbnail=jpeg)])
        return path

    return make


@pytest.fixture
def call(listener):
    """Call a service by the name of its node and its own, and return the response."""
    clients = {}

    def call_service(node, name, **fields):
        service = TYPES[name]
        key = f'{node}/{name}'
        if key not in clients:
            clients[key] = listener.node.create_client(service, key)
        listener.wait_until(clients[key].service_is_ready, 60, f'for {key}')
        future = clients[key].call_async(service.Request(**fields))
        listener.wait_until(future.done, 60, f'for the answer of {key}')
        return future.result()

    return call_service


@pytest.fixture
def finder(start, listener, make_map):
    """A running place_recognition_node with a map of the pictures 0 to 3."""
    path = make_map('town.vprmap', range(4))
    info = listener.collect_latched(MapInfo, f'{FINDER}/map_info')
    node = start('place_recognition_node', model=MODEL, map_path=path)
    listener.wait_until(lambda: info, what='for the map')
    node.path = path
    node.info = info
    return node


@pytest.fixture
def builder(start, listener, tmp_path):
    node = start('map_builder_node', model=MODEL, map_path=tmp_path / 'new.vprmap')
    node.path = tmp_path / 'new.vprmap'
    node.robot = Robot(listener)
    return node


class Robot:
    """Drives a metre a step."""

    def __init__(self, listener):
        self.listener = listener
        self.images = listener.publisher(Image, '/image')
        self.odometry = listener.publisher(Odometry, '/odom')
        self.steps = 0

    def drive(self, path, places):
        def done():
            self.step()
            return count(path) >= places

        self.listener.wait_until(done, 60, f'for {places} places in {path.name}')

    def step(self):
        self.steps += 1
        self.images.publish(image_of(self.steps, self.steps))
        pose = Odometry()
        pose.header.stamp = Time(sec=self.steps)
        pose.pose.pose.position.x = float(self.steps)
        pose.pose.pose.orientation.w = 1.0
        self.odometry.publish(pose)


def count(path):
    if not path.exists():
        return 0
    with PlaceMap.open(path) as place_map:
        return len(place_map)


def test_query_answers_images_of_any_kind(finder, call):
    answer = call(FINDER, 'query', image=image_of(2))
    assert answer.result == QueryPlace.Response.RESULT_SUCCESS
    assert answer.candidates.status == PlaceCandidateArray.ACCEPTED
    assert answer.candidates.candidates[0].place_id == 3
    png = cv2.imencode('.png', picture(1)[:, :, ::-1])[1].tobytes()
    compressed = CompressedImage(format='png', data=png)
    answer = call(FINDER, 'query', compressed_image=compressed, max_candidates=2)
    assert answer.candidates.candidates[0].place_id == 2
    assert len(answer.candidates.candidates) == 2


def test_query_says_what_is_wrong_with_an_image(finder, call):
    wrong = image_of(1)
    wrong.encoding = 'purple9'
    for request, words in [
        ({}, 'empty'),
        ({'image': wrong}, 'purple9'),
        ({'compressed_image': CompressedImage(data=b'no picture')}, ''),
        ({'image': Image(height=2**32 - 1, width=2**32 - 1, encoding='rgb8', data=b'x')}, ''),
    ]:
        answer = call(FINDER, 'query', **request)
        assert answer.result == QueryPlace.Response.RESULT_BAD_IMAGE, answer.message
        assert words in answer.message
    assert 'Traceback' not in finder.output
    assert call(FINDER, 'query', image=image_of(0)).candidates.candidates[0].place_id == 1


def test_place_can_be_looked_up(finder, call):
    place = call(FINDER, 'get_place', place_id=3)
    assert place.result == GetPlace.Response.RESULT_SUCCESS
    assert place.pose.pose.position.x == 200.0
    assert place.header.frame_id == 'map'
    assert math.isnan(place.latitude)
    assert place.thumbnail.format == 'jpeg'
    assert decode_thumbnail(bytes(place.thumbnail.data)).shape == (24, 32, 3)
    assert not call(FINDER, 'get_place', place_id=2).thumbnail.data
    for place_id in (0, 5, 2**64 - 1):
        missing = call(FINDER, 'get_place', place_id=place_id)
        assert missing.result == GetPlace.Response.RESULT_NOT_FOUND
        assert str(place_id) in missing.message


def test_relocalize_is_answered(finder, call):
    assert call(FINDER, 'relocalize').success


def test_map_is_replaced_and_the_old_one_kept_where_that_fails(
    finder, listener, call, make_map, describer, tmp_path
):
    from dataclasses import replace

    other = make_map('other.vprmap', [7, 8])
    make_map('foreign.vprmap', [1], replace(describer.model_info, weights_id='feedface'))
    (tmp_path / 'broken.vprmap').write_bytes(b'no map' * 1000)
    Result = LoadMap.Response  # noqa: N806
    for url, result, words in [
        ('nowhere.vprmap', Result.RESULT_NOT_FOUND, 'no such file'),
        ('broken.vprmap', Result.RESULT_DAMAGED, 'not a place map'),
        ('foreign.vprmap', Result.RESULT_MODEL_MISMATCH, 'feedface'),
        ('/etc/passwd', Result.RESULT_NOT_ALLOWED, 'map_folder'),
        ('../other.vprmap', Result.RESULT_NOT_ALLOWED, 'map_folder'),
        ('package://vpr_ros/x.vprmap', Result.RESULT_NOT_ALLOWED, 'file://'),
        ('', Result.RESULT_NOT_ALLOWED, '.vprmap'),
    ]:
        answer = call(FINDER, 'load_map', map_url=url)
        assert (answer.result, answer.info.num_places) == (result, 4), answer.message
        assert words in answer.message
    assert call(FINDER, 'query', image=image_of(2)).candidates.candidates[0].place_id == 3

    answer = call(FINDER, 'load_map', map_url=other.as_uri())
    assert answer.result == Result.RESULT_SUCCESS, answer.message
    assert answer.info.num_places == 2
    found = call(FINDER, 'query', image=image_of(8)).candidates
    assert (found.map_id, found.candidates[0].place_id) == (answer.info.map_id, 2)
    listener.wait_until(lambda: finder.info[-1].map_id == answer.info.map_id)
    assert 'Traceback' not in finder.output


def test_copy_is_saved_and_overwrites_only_if_asked(finder, call, tmp_path):
    Result = SaveMap.Response  # noqa: N806
    (tmp_path / 'precious.vprmap').write_bytes(b'precious')
    outside = tmp_path.parent / f'{tmp_path.name}-outside'
    outside.mkdir()
    (tmp_path / 'link').symlink_to(outside)
    for url, result in [
        ('precious.vprmap', Result.RESULT_EXISTS),
        ('town.vprmap', Result.RESULT_IN_USE),
        ('town.vprmap-wal', Result.RESULT_NOT_ALLOWED),
        ('link/copy.vprmap', Result.RESULT_NOT_ALLOWED),
        ('no/copy.vprmap', Result.RESULT_NOT_FOUND),
        (f'{outside}/copy.vprmap', Result.RESULT_NOT_ALLOWED),
    ]:
        answer = call(FINDER, 'save_map', map_url=url, overwrite=result != Result.RESULT_EXISTS)
        assert answer.result == result, (url, answer.message)
        assert answer.message
    assert (tmp_path / 'precious.vprmap').read_bytes() == b'precious'
    assert list(outside.iterdir()) == []
    for _ in range(2):
        answer = call(FINDER, 'save_map', map_url='precious.vprmap', overwrite=True)
        assert answer.result == Result.RESULT_SUCCESS, answer.message
    assert count(tmp_path / 'precious.vprmap') == 4


def test_services_of_a_node_without_map_say_so(start, call, tmp_path):
    start('place_recognition_node', model=MODEL, map_path=tmp_path / 'none.vprmap')
    result = QueryPlace.Response
    assert call(FINDER, 'get_place', place_id=1).result == GetPlace.Response.RESULT_NO_MAP
    assert call(FINDER, 'save_map', map_url='x.vprmap').result == SaveMap.Response.RESULT_NO_MAP
    assert call(FINDER, 'query', image=image_of(1)).result == result.RESULT_NO_MAP


def test_services_of_a_node_that_is_not_configured_say_so(start, call, make_map, tmp_path):
    path = make_map('town.vprmap', [1])
    start('place_recognition_node', model=MODEL, map_path=path, autostart=False)
    answer = call(FINDER, 'load_map', map_url='town.vprmap')
    assert answer.result == LoadMap.Response.RESULT_NOT_CONFIGURED
    answer = call(FINDER, 'query', image=image_of(1))
    assert answer.result == QueryPlace.Response.RESULT_NOT_ACTIVE
    assert call(FINDER, 'relocalize').success


def test_mapping_can_be_paused_and_resumed(builder, call):
    builder.robot.drive(builder.path, 2)
    assert call(BUILDER, 'set_mapping', data=False).message == 'paused'
    before = count(builder.path)
    for _ in range(20):
        builder.robot.step()
        assert call(BUILDER, 'get_place', place_id=1).result == 0
    assert count(builder.path) == before
    assert call(BUILDER, 'set_mapping', data=True).message == 'mapping'
    builder.robot.drive(builder.path, before + 2)
    assert builder.stop() == 0
    with PlaceMap.open(builder.path) as place_map:
        assert len(place_map.session_list()) == 1


def test_session_in_use_is_not_deleted_and_others_are(builder, call):
    Result = DeleteSession.Response  # noqa: N806
    builder.robot.drive(builder.path, 3)
    assert call(BUILDER, 'delete_session', session_id=1).result == Result.RESULT_IN_USE
    assert call(BUILDER, 'delete_session', session_id=9).result == Result.RESULT_NOT_FOUND
    call(BUILDER, 'set_mapping', data=False)
    answer = call(BUILDER, 'delete_session', session_id=1)
    assert answer.result == Result.RESULT_SUCCESS, answer.message
    assert answer.places_deleted >= 3
    call(BUILDER, 'set_mapping', data=True)
    builder.robot.drive(builder.path, 2)
    assert builder.stop() == 0
    assert verify(builder.path) == []
    with PlaceMap.open(builder.path) as place_map:
        assert [session.id for session in place_map.session_list()] == [2]


def test_map_is_cleared_while_mapping(builder, call):
    builder.robot.drive(builder.path, 3)
    answer = call(BUILDER, 'clear_map')
    assert answer.success
    assert 'places deleted' in answer.message
    builder.robot.drive(builder.path, 2)
    assert builder.stop() == 0
    assert verify(builder.path) == []
    with PlaceMap.open(builder.path) as place_map:
        assert min(place_map.ids) > 3


def test_other_map_is_merged_while_mapping(builder, call, make_map, tmp_path):
    Result = MergeMap.Response  # noqa: N806
    builder.robot.drive(builder.path, 2)
    make_map('other.vprmap', [50, 51, 52])
    answer = call(BUILDER, 'merge_map', map_url='other.vprmap')
    assert answer.result == Result.RESULT_SUCCESS, answer.message
    assert answer.places_added >= 3
    assert answer.info.num_places >= 5
    for url, result in [
        ('other.vprmap', Result.RESULT_EXISTS),
        ('new.vprmap', Result.RESULT_EXISTS),
        ('none.vprmap', Result.RESULT_NOT_FOUND),
        ('/tmp/none.vprmap', Result.RESULT_NOT_ALLOWED),
    ]:
        assert call(BUILDER, 'merge_map', map_url=url).result == result
    builder.robot.drive(builder.path, answer.info.num_places + 1)
    assert builder.stop() == 0
    assert verify(builder.path) == []


def test_builder_goes_over_to_another_map_when_paused(builder, call, make_map, tmp_path):
    Result = LoadMap.Response  # noqa: N806
    other = make_map('other.vprmap', [50])
    builder.robot.drive(builder.path, 2)
    answer = call(BUILDER, 'load_map', map_url='other.vprmap')
    assert answer.result == Result.RESULT_IN_USE
    assert 'set_mapping' in answer.message
    call(BUILDER, 'set_mapping', data=False)
    with MapWriter.open(other):
        answer = call(BUILDER, 'load_map', map_url='other.vprmap')
    assert answer.result == Result.RESULT_IN_USE
    answer = call(BUILDER, 'load_map', map_url='other.vprmap')
    assert answer.result == Result.RESULT_SUCCESS, answer.message
    assert not answer.info.read_only
    before = count(builder.path)
    call(BUILDER, 'set_mapping', data=True)
    builder.robot.drive(other, 3)
    assert builder.stop() == 0
    assert count(builder.path) == before
    with MapWriter.open(builder.path):
        pass  # free for others


def test_builder_goes_on_in_a_map_that_was_copied_over_its_own(builder, call, make_map):
    other = make_map('other.vprmap', [50])
    builder.robot.drive(builder.path, 2)
    shutil.copyfile(other, builder.path)
    call(BUILDER, 'set_mapping', data=False)
    answer = call(BUILDER, 'load_map', map_url='new.vprmap')
    assert answer.result == LoadMap.Response.RESULT_SUCCESS, answer.message
    call(BUILDER, 'set_mapping', data=True)
    builder.robot.drive(builder.path, 3)
    assert builder.stop() == 0
    assert verify(builder.path) == []
    with PlaceMap.open(builder.path) as place_map, PlaceMap.open(other) as copied:
        assert place_map.id == copied.id


def test_images_are_answered_while_a_map_is_loaded(finder, listener, call, make_map, tmp_path):
    """Neither map's places under the other's name, whenever the swap comes."""
    first = finder.info[-1].map_id
    other = make_map('other.vprmap', [9, 9, 9, 9, 9, 9, 2])
    with PlaceMap.open(other) as place_map:
        second = place_map.id
    shutil.copy(finder.path, tmp_path / 'back.vprmap')
    answers = listener.collect(PlaceCandidateArray, f'{FINDER}/candidates')
    images = listener.publisher(Image, '/image')
    wanted = {first: 3, second: 7}
    for turn in range(6):
        client_answers = len(answers)
        url = 'back.vprmap' if turn % 2 else 'other.vprmap'

        def flood(before=client_answers):
            images.publish(image_of(2))
            return len(answers) > before + 3

        listener.wait_until(flood, 60, 'for answers')
        assert call(FINDER, 'load_map', map_url=url).result == 0
    assert {answer.map_id for answer in answers} == {first, second}
    for answer in answers:
        assert answer.candidates[0].place_id == wanted[answer.map_id]
    assert 'Traceback' not in finder.output
