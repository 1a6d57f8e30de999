# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import os
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rosbags.rosbag1 import Writer as Ros1Writer
from rosbags.typesys import Stores, get_typestore
from sample_bags import COMPRESSED, FIX, IMAGE, LATCHED, ODOMETRY, SECOND, write_bag
from shared_data import BAGS

from vpr_ros.errors import BagError
from vpr_ros.inputs.bags import Bag, choose_image, choose_pose, choose_topics
from vpr_ros.inputs.frames import decode, stamp_of

needs_data = pytest.mark.skipif(not BAGS.is_dir(), reason=f'the test data are not at {BAGS}')
POINT = 'geometry_msgs/msg/PointStamped'


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
@pytest.mark.parametrize('single', [False, True])
def test_a_bag_gives_its_topics_and_messages_in_order(tmp_path, storage, single):
    path = write_bag(tmp_path / 'bag', {'/b': POINT, '/a': POINT}, storage=storage)
    if single:
        path = next(file for file in path.iterdir() if file.suffix in {'.mcap', '.db3'})
    with Bag(path) as bag:
        assert [(t.name, t.type, t.count) for t in bag.topics.values()] == [
            ('/a', POINT, 10),
            ('/b', POINT, 10),
        ]
        assert (bag.start, bag.end, bag.duration) == (0, 9 * SECOND // 10, 9 * SECOND // 10)
        messages = list(bag.messages())
        assert [m.time for m in messages] == sorted(m.time for m in messages)
        assert [m.time for m in bag.messages(['/a'])] == list(range(0, SECOND, SECOND // 10))
        assert {m.topic for m in bag.messages(['/a'])} == {'/a'}
        assert all(stamp_of(m.raw) == m.time for m in messages)
        assert bag.deserialize(messages[3]).point.z == 3.0
        part = list(bag.messages(['/a'], SECOND // 5, SECOND // 2))
        assert [m.time * 10 // SECOND for m in part] == [2, 3, 4]


def test_an_unknown_topic_is_refused_with_the_list(tmp_path):
    with Bag(write_bag(tmp_path / 'bag', {'/a': POINT})) as bag:
        with pytest.raises(BagError, match=r'no topic /c; it has: /a \(geometry_msgs'):
            bag.messages(['/c'])
        assert list(bag.messages([])) == []


def test_latched_topics_are_known(tmp_path):
    topics = {'/latched': POINT, '/plain': POINT, '/tf_static': POINT}
    with Bag(write_bag(tmp_path / 'bag', topics, qos=[LATCHED])) as bag:
        latched = {name for name, topic in bag.topics.items() if topic.latched}
    assert latched == {'/latched', '/tf_static'}


def test_ros1_bags_are_read_as_cdr(tmp_path):
    store = get_typestore(Stores.ROS1_NOETIC)
    with Ros1Writer(tmp_path / 'old.bag') as writer:
        connection = writer.add_connection('/point', POINT, typestore=store)
        stamp = store.types['builtin_interfaces/msg/Time'](3, 4)
        header = store.types['std_msgs/msg/Header'](seq=9, stamp=stamp, frame_id='old')
        point = store.types[POINT](header, store.types['geometry_msgs/msg/Point'](1.0, 2.0, 5.0))
        writer.write(connection, 7, store.serialize_ros1(point, POINT))
    with Bag(tmp_path / 'old.bag') as bag:
        (message,) = bag.messages()
    assert (message.topic, message.time, message.type) == ('/point', 7, POINT)
    assert stamp_of(message.raw) == 3 * SECOND + 4
    assert Bag.deserialize(message).point.z == 5.0


def test_bags_that_cannot_be_read_say_why(tmp_path):
    (tmp_path / 'empty_folder').mkdir()
    (tmp_path / 'empty.mcap').touch()
    (tmp_path / 'text.db3').write_text('no database')
    (tmp_path / 'bag.txt').write_text('no bag')
    os.mkfifo(tmp_path / 'pipe.mcap')  # Nobody writes to it.
    write_bag(tmp_path / 'silent', {'/a': POINT}, times=())
    for name, reason in {
        'absent': 'there is no bag',
        'empty_folder': 'metadata.yaml is missing',
        'empty.mcap': 'empty',
        'pipe.mcap': 'neither a file nor a folder',
        'text.db3': 'begins as no bag does',
        'bag.txt': r'a bag is a folder or a file of rosbag2 \(.mcap',
        'silent': 'no messages',
    }.items():
        with pytest.raises(BagError, match=reason) as caught:
            Bag(tmp_path / name)
        assert name in str(caught.value)


def test_a_broken_metadata_file_does_not_hide_the_messages(tmp_path, caplog):
    path = write_bag(tmp_path / 'bag', {'/a': POINT})
    (path / 'metadata.yaml').write_text('rosbag2_bagfile_information: {version: 9}')
    with Bag(path) as bag:
        assert len(list(bag.messages())) == 10
    assert 'it has no relative_file_paths' in caplog.text
    (path / 'metadata.yaml').unlink()
    with Bag(path) as bag:
        assert len(list(bag.messages())) == 10
    assert 'metadata.yaml is missing' in caplog.text


@needs_data
@pytest.mark.parametrize('metadata', [False, True])
def test_an_interrupted_recording_is_read_up_to_the_cut(tmp_path, caplog, metadata):
    source = BAGS / 'gardens_day_left'
    raw = (source / 'gardens_day_left.mcap').read_bytes()
    (tmp_path / 'gardens_day_left.mcap').write_bytes(raw[: len(raw) * 2 // 3])
    if metadata:
        shutil.copy(source / 'metadata.yaml', tmp_path)
    with Bag(tmp_path) as bag, Bag(source) as whole:
        found, wanted = list(bag.messages()), list(whole.messages())
        assert choose_topics(bag).image.count > 50
    assert 200 < len(found) < 400
    assert found == wanted[: len(found)]
    assert 'messages before the damage are read' in caplog.text


@needs_data
def test_damage_in_the_middle_yields_what_is_before_it_and_warns(tmp_path, caplog):
    raw = bytearray((BAGS / 'gardens_day_left/gardens_day_left.mcap').read_bytes())
    middle = len(raw) // 2
    raw[middle : middle + 60_000] = b'\xff' * 60_000
    (tmp_path / 'bag.mcap').write_bytes(raw)
    with Bag(tmp_path / 'bag.mcap') as bag:
        found = list(bag.messages())
    assert 50 < len(found) < 400
    assert 'damaged after' in caplog.text


@needs_data
@pytest.mark.parametrize('path', sorted(BAGS.iterdir()) if BAGS.is_dir() else [])
def test_real_bags_give_pictures_and_poses(path):
    with Bag(path) as bag:
        topics = choose_topics(bag)
        image = next(bag.messages([topics.image.name]))
        pose = next(bag.messages([topics.pose.name]))
        pixels = decode(bag.deserialize(image))
        assert pixels.shape[2] == 3
        assert pixels.std() > 10
        assert bag.deserialize(pose).pose.pose.position.x is not None
        assert sum(t.count for t in bag.topics.values()) == sum(1 for _ in bag.messages())


CHOICES = {
    'raw before compressed': ({'/cam': IMAGE, '/cam/compressed': COMPRESSED}, '/cam'),
    'what there is': ({'/cam/compressed': COMPRESSED}, '/cam/compressed'),
    'no depth': ({'/cam': IMAGE, '/d/compressedDepth': COMPRESSED}, '/cam'),
}


@pytest.mark.parametrize(('topics', 'chosen'), CHOICES.values(), ids=CHOICES)
def test_the_camera_is_found(tmp_path, topics, chosen):
    with Bag(write_bag(tmp_path / 'bag', topics)) as bag:
        assert choose_image(bag).name == chosen
        assert choose_image(bag, '/cam').name in topics
        assert choose_image(bag, '/cam/compressed').name in topics


def test_the_best_pose_source_is_found(tmp_path):
    topics = {
        '/fix': FIX,
        '/odom': ODOMETRY,
        '/amcl': 'geometry_msgs/msg/PoseWithCovarianceStamped',
    }
    with Bag(write_bag(tmp_path / 'bag', topics)) as bag:
        assert choose_pose(bag).name == '/odom'
        assert choose_pose(bag, '/fix').name == '/fix'
        with pytest.raises(BagError, match=r'has no images; it has: /amcl \(.*/fix'):
            choose_topics(bag)
        with pytest.raises(BagError, match='and not images'):
            choose_image(bag, '/fix')


def test_an_ambiguous_choice_is_left_to_the_user(tmp_path):
    topics = {'/left': IMAGE, '/right': IMAGE, '/odom': ODOMETRY, '/odom2': ODOMETRY}
    with Bag(write_bag(tmp_path / 'bag', topics)) as bag:
        with pytest.raises(BagError, match=r'images on several topics.*: /left, /right'):
            choose_image(bag)
        with pytest.raises(BagError, match=r'poses on several topics.*: /odom, /odom2'):
            choose_pose(bag)


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cut=st.floats(0, 1.2),
    changes=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=20),
)
def test_nothing_but_bag_errors_whatever_the_bytes(tmp_path, storage, cut, changes):
    source = tmp_path / 'bag'
    if not source.exists():
        write_bag(source, {'/a': POINT, '/latched': IMAGE}, storage=storage, qos=[LATCHED])
    file = next(f for f in source.iterdir() if f.suffix in {'.mcap', '.db3'})
    raw = bytearray(file.read_bytes()[: int(cut * file.stat().st_size)])
    for at, value in changes:
        if raw:
            raw[int(at * len(raw))] = value
    damaged = tmp_path / f'damaged{file.suffix}'
    damaged.write_bytes(raw)
    with contextlib.suppress(BagError), Bag(damaged) as bag:
        assert len(list(bag.messages())) <= 40
