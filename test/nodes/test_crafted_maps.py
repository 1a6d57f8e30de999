# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Nodes and maps that are made to do harm: a node says once what is wrong, and goes on."""

import os
import shutil
import sys
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip('vpr_ros.msg', reason='needs ROS 2 and the built messages')
sys.path.insert(0, str(Path(__file__).parents[1] / 'maps'))

import crafted_maps
from hostile import examples, survived, tried
from hypothesis import given
from hypothesis import strategies as st
from node_samples import MODEL, NAME, make_map, message, picture
from rcl_interfaces.msg import Log
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image
from shared_data import DATA
from vpr_ros.msg import MapInfo, PlaceCandidateArray
from vpr_ros.srv import GetPlace, LoadMap, MergeMap

from vpr_ros.inputs.frames.thumbnail_codec import encode_thumbnail
from vpr_ros.nodes.map_builder_node import MapBuilderNode
from vpr_ros.nodes.place_recognition_node import PlaceRecognitionNode

pytestmark = [pytest.mark.ros, pytest.mark.hostile]
PICTURES = [picture(seed) for seed in range(4)]
SHARED = DATA.parent / 'cases' / 'hostile-maps'


def sound_map(path):
    path.parent.mkdir(exist_ok=True)
    return make_map(path, PICTURES, thumbnails=[encode_thumbnail(each, 64) for each in PICTURES])


class Started:
    """A node in this process, whose map is that of ROS_HOME, and what it says in the log."""

    def __init__(self, kind, listener):
        self._listener = listener
        self._marks = 0
        self._log = listener.collect(Log, '/rosout', 1000)
        self.node = kind()
        listener.add(self.node)
        self.node.set_parameters([Parameter('model', value=MODEL)])

    def said(self, since=0):
        """Return all lines of the node; the last is a mark that shows that all have come."""
        self._marks += 1
        mark = f'mark {self._marks}'
        name = self.node.get_name()
        self.node.get_logger().warning(mark)

        def lines():
            return [entry.msg for entry in self._log if entry.name == name]

        self._listener.wait_until(lambda: mark in lines(), 30, 'for the log')
        return [line for line in lines() if not line.startswith('mark ')][since:]

    def try_thrice(self):
        """Start, three times if it fails; a node without its map goes on to look for it."""
        for _ in range(3):
            if self.node.start():
                break
        follow = self.node._maps.follow
        if self.node._maps.map is None and self.node.configured:
            follow(), follow()

    def reset(self):
        state = self.node._state_machine.current_state[1]
        if state == 'active':
            self.node.trigger_deactivate()
        if state in ('active', 'inactive'):
            self.node.trigger_cleanup()
        assert self.node._state_machine.current_state[1] == 'unconfigured'

    def close(self):
        self._listener.remove(self.node)
        self.node.destroy_node()


@pytest.fixture
def started(listener, tmp_path, monkeypatch):
    monkeypatch.setenv('ROS_HOME', str(tmp_path))
    running = []

    def start(kind):
        running.append(Started(kind, listener))
        return running[-1]

    yield start
    for node in running:
        node.close()


def assert_said_once(lines, path):
    """The reason and its file are in one line, and nothing else is said of it."""
    reasons = [line for line in lines if 'cannot start' in line or 'waiting for the map' in line]
    assert len(reasons) == len(set(reasons)) <= 1, lines
    assert not [line for line in lines if 'transition failed' in line], lines
    assert not [line for line in lines if 'unexpected error' in line], lines
    assert all(path.name in line and len(line) < 3000 for line in reasons)


@pytest.mark.parametrize('kind', [MapBuilderNode, PlaceRecognitionNode])
@pytest.mark.parametrize('name', ['frame-int', 'lat95', 'leak', 'meta-dim0', 'meta-mounts-list'])
def test_a_node_says_once_why_it_cannot_use_a_crafted_map(started, tmp_path, kind, name):
    if not SHARED.exists():
        pytest.skip(f'no folder {SHARED}; set VPR_TEST_DATA')
    path = tmp_path / 'vpr' / 'map.vprmap'
    path.parent.mkdir()
    shutil.copy(SHARED / f'{name}.vprmap', path)
    path.chmod(0o644)
    node = started(kind)
    node.try_thrice()
    lines = node.said()
    assert_said_once(lines, path)
    assert [line for line in lines if path.name in line]


@pytest.mark.timeout(600)
@pytest.mark.parametrize('kind', [MapBuilderNode, PlaceRecognitionNode])
def test_a_node_starts_with_any_map_or_says_why_once(started, tmp_path, kind):
    sound = sound_map(tmp_path / 'sound.vprmap').read_bytes()
    path = tmp_path / 'vpr' / 'map.vprmap'
    path.parent.mkdir()
    node = started(kind)

    @examples(4, 150)
    @given(st.data())
    def tries(data):
        for old in path.parent.glob('map.vprmap*'):
            old.unlink()
        path.write_bytes(sound)
        crafted_maps.craft(path, data.draw)
        before = len(node.said())
        node.try_thrice()
        lines = node.said(before)
        tried()
        survived(any('cannot start' in line or 'waiting' in line for line in lines))
        assert_said_once(lines, path)
        node.reset()

    tries()


class Client:
    """Calls services of nodes, and asks the node that localises with pictures."""

    def __init__(self, listener, node):
        self._listener = listener
        self._node = node
        self._clients = {}
        self._answers = listener.collect(PlaceCandidateArray, f'{NAME}/candidates')
        self._images = listener.publisher(Image, '/image')
        self._number = 0

    def call(self, kind, name, **fields):
        if name not in self._clients:
            self._clients[name] = self._listener.node.create_client(kind, name)
        client = self._clients[name]
        self._listener.wait_until(client.service_is_ready, 30, f'for {name}')
        answer = client.call_async(kind.Request(**fields))
        self._listener.wait_until(answer.done, 30, f'for the answer of {name}')
        return answer.result()

    def ask(self, seed=0):
        """Return the answer; None where the node says why it leaves the picture out."""
        first, said = self._number + 1, len(self._node.output)

        def answers():
            return [each for each in self._answers if each.header.stamp.sec >= first]

        def answered():
            self._number += 1
            self._images.publish(message(picture(seed), self._number))
            return answers() or 'left out: ' in self._node.output[said:]

        # The node says the same no more often than every few seconds.
        self._listener.wait_until(answered, 30, 'for an answer')
        return answers()[-1] if answers() else None


@pytest.mark.timeout(600)
def test_load_map_and_merge_map_always_answer_and_leave_nodes_in_order(start, listener, tmp_path):
    good = sound_map(tmp_path / 'good.vprmap')
    sound, path = good.read_bytes(), tmp_path / 'crafted.vprmap'
    info = listener.collect_latched(MapInfo, f'{NAME}/map_info')
    nodes = [
        start('place_recognition_node', model=MODEL, map_path=good, max_distance_ratio=1.0),
        start('map_builder_node', model=MODEL, map_path=tmp_path / 'new.vprmap'),
    ]
    listener.wait_until(lambda: info, what='for the map')
    client = Client(listener, nodes[0])

    @examples(10, 100)
    @given(st.data())
    def tries(data):
        for old in tmp_path.glob('crafted.vprmap*'):
            old.unlink()
        path.write_bytes(sound)
        crafted_maps.craft(path, data.draw)
        answer = client.call(LoadMap, f'{NAME}/load_map', map_url='crafted.vprmap')
        client.ask()
        client.call(GetPlace, f'{NAME}/get_place', place_id=1)
        merged = client.call(MergeMap, '/map_builder_node/merge_map', map_url='crafted.vprmap')
        tried(2)
        survived((answer.result != LoadMap.Response.RESULT_SUCCESS) + bool(merged.result))
        assert len(answer.message) < 3000
        assert all(node.alive for node in nodes)

    tries()
    answer = client.call(LoadMap, f'{NAME}/load_map', map_url='good.vprmap')
    assert answer.result == LoadMap.Response.RESULT_SUCCESS
    assert [client.ask(seed).candidates[0].place_id for seed in range(4)] == [1, 2, 3, 4]
    for node in nodes:
        assert 'Traceback' not in node.output


def test_a_lost_descriptor_is_said_for_each_picture_until_another_map_is_loaded(
    start, listener, tmp_path
):
    good, lost = sound_map(tmp_path / 'good.vprmap'), sound_map(tmp_path / 'lost.vprmap')
    crafted_maps.alter(lost, 'DELETE FROM descriptors WHERE place = 2')
    node = start('place_recognition_node', model=MODEL, map_path=lost, max_distance_ratio=1.0)
    client = Client(listener, node)
    assert client.ask(1) is None
    assert f'{lost}: the descriptor of place 2 is missing' in node.output
    client.call(LoadMap, f'{NAME}/load_map', map_url=good.name)
    assert client.ask(1).candidates[0].place_id == 2


def odd_files(folder):
    """Make things that have the name of a map and are none."""
    (folder / 'folder.vprmap').mkdir()
    (folder / 'empty.vprmap').touch()
    (folder / 'text.vprmap').write_text('a map')
    os.mkfifo(folder / 'fifo.vprmap')
    (folder / 'loop.vprmap').symlink_to('loop.vprmap')
    (folder / 'dangling.vprmap').symlink_to('nowhere.vprmap')
    (folder / 'device.vprmap').symlink_to('/dev/zero')
    with closing((folder / 'sparse.vprmap').open('wb')) as sparse:
        sparse.truncate(2**40)
    return sorted(each.name for each in folder.glob('*.vprmap'))


def test_load_map_answers_whatever_has_the_name_of_a_map(start, listener, tmp_path):
    good = sound_map(tmp_path / 'good.vprmap')
    odd = odd_files(tmp_path)
    odd.remove('good.vprmap')
    odd += [
        '',
        '/',
        '..',
        'a' * 5000 + '.vprmap',
        '\n.vprmap',
        'file://',
        'file:///%00.vprmap',
        '\u202e.vprmap',
    ]
    node = start('place_recognition_node', model=MODEL, map_path=good, max_distance_ratio=1.0)
    client = Client(listener, node)
    client.ask()
    for name in odd:
        answer = client.call(LoadMap, f'{NAME}/load_map', map_url=name)
        assert answer.result != LoadMap.Response.RESULT_SUCCESS, name
        assert answer.message
        tried()
        survived()
    assert client.ask(2).candidates[0].place_id == 3
    assert 'Traceback' not in node.output
