# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Nodes go through their states in any order, under load, and end when they are told to."""

import random
import signal
import time

import pytest

pytest.importorskip('vpr_ros.msg', reason='needs ROS 2 and the built messages')

from hostile import amount, tried
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from nav_msgs.msg import Odometry
from node_samples import MODEL, make_map, message, picture
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger
from vpr_ros.msg import PlaceCandidateArray

from vpr_ros.maps import PlaceMap, verify
from vpr_ros.nodes.loop_closure_node import LoopClosureNode
from vpr_ros.nodes.map_builder_node import MapBuilderNode

pytestmark = pytest.mark.ros
NODES = ['place_recognition_node', 'map_builder_node', 'loop_closure_node']
MOVES = {
    State.PRIMARY_STATE_UNCONFIGURED: {
        Transition.TRANSITION_CONFIGURE: State.PRIMARY_STATE_INACTIVE
    },
    State.PRIMARY_STATE_INACTIVE: {
        Transition.TRANSITION_ACTIVATE: State.PRIMARY_STATE_ACTIVE,
        Transition.TRANSITION_CLEANUP: State.PRIMARY_STATE_UNCONFIGURED,
    },
    State.PRIMARY_STATE_ACTIVE: {Transition.TRANSITION_DEACTIVATE: State.PRIMARY_STATE_INACTIVE},
}
UNKNOWN = 200
ALL = [transition for moves in MOVES.values() for transition in moves]


class Manager:
    """Moves a node through its states while images and poses keep coming."""

    def __init__(self, listener, node):
        self.listener = listener
        self.change = listener.node.create_client(ChangeState, f'/{node}/change_state')
        self.get = listener.node.create_client(GetState, f'/{node}/get_state')
        self.images = listener.publisher(Image, '/image')
        self.odometry = listener.publisher(Odometry, '/odom')
        self.steps = 0
        listener.node.create_timer(0.05, self.load)
        listener.wait_until(self.change.service_is_ready, what='for the node')
        listener.reach(self.change, ChangeState.Request(transition=Transition(id=UNKNOWN)))
        listener.reach(self.get, GetState.Request())

    def load(self):
        self.steps += 1
        self.images.publish(message(picture(self.steps % 4), self.steps))
        pose = Odometry()
        pose.header.stamp.sec = self.steps
        pose.pose.pose.position.x = float(self.steps)
        pose.pose.pose.orientation.w = 1.0
        self.odometry.publish(pose)

    def call(self, client, request):
        future = client.call_async(request)
        self.listener.wait_until(future.done, 60, 'for an answer')
        return future.result()

    def move(self, transition):
        request = ChangeState.Request(transition=Transition(id=transition))
        return self.call(self.change, request).success

    def state(self):
        return self.call(self.get, GetState.Request()).current_state.id


@pytest.mark.hostile
@pytest.mark.parametrize('name', NODES)
def test_every_order_of_transitions_is_survived_under_load(start, listener, tmp_path, name):
    parameters = {'model': MODEL, 'autostart': False}
    path = tmp_path / 'm.vprmap'
    if name == 'place_recognition_node':
        make_map(path, [picture(seed) for seed in range(4)])
    if name != 'loop_closure_node':
        parameters['map_path'] = path
    node = start(name, **parameters)
    manager = Manager(listener, name)
    chooser = random.Random(name)
    state = State.PRIMARY_STATE_UNCONFIGURED
    done = set()
    for _ in range(amount(60, 700)):
        tried()
        # Half of the time one that the state allows, so that the walk gets around.
        allowed = MOVES[state]
        transition = chooser.choice(chooser.choice([ALL, list(allowed)]))
        assert manager.move(transition) == (transition in allowed)
        state = allowed.get(transition, state)
        assert manager.state() == state
        done |= {transition} & set(allowed)
    assert done == set(ALL)
    assert node.stop(signal.SIGTERM) == 0
    assert 'Traceback' not in node.output
    if path.exists():
        assert verify(path) == []


def test_node_still_answers_after_many_rounds(start, listener, tmp_path):
    path = make_map(tmp_path / 'm.vprmap', [picture(seed) for seed in range(4)])
    start('place_recognition_node', model=MODEL, map_path=path, autostart=False)
    manager = Manager(listener, 'place_recognition_node')
    answers = listener.collect(PlaceCandidateArray, '/place_recognition_node/candidates')
    for _ in range(10):
        assert manager.move(Transition.TRANSITION_CONFIGURE)
        assert manager.move(Transition.TRANSITION_ACTIVATE)
        before = len(answers)
        listener.wait_until(lambda n=before: len(answers) > n, what='for an answer')
        assert manager.move(Transition.TRANSITION_DEACTIVATE)
        assert manager.move(Transition.TRANSITION_CLEANUP)
    wrong = [a for a in answers if a.candidates[0].place_id != a.header.stamp.sec % 4 + 1]
    assert wrong == []


def ends_within(node, how, seconds):
    started = time.monotonic()
    assert node.stop(how) == 0
    assert time.monotonic() - started < seconds
    assert 'Traceback' not in node.output


@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize('name', NODES)
def test_node_under_load_ends_within_two_seconds(start, listener, tmp_path, name, how):
    path = tmp_path / 'm.vprmap'
    make_map(path, [picture(seed) for seed in range(4)])
    maps = {} if name == 'loop_closure_node' else {'map_path': path}
    node = start(name, model=MODEL, **maps)
    manager = Manager(listener, name)
    listener.wait_until(lambda: manager.images.get_subscription_count() > 0)
    seen = manager.steps + 20
    listener.wait_until(lambda: manager.steps > seen, what='for some load')
    ends_within(node, how, 2.0)
    assert verify(path) == []


def test_mapper_that_fits_codes_ends_in_time_and_loses_nothing(start, listener, tmp_path):
    """With a descriptor that takes its codes from the map, in the moment they are fitted."""
    path = tmp_path / 'm.vprmap'
    pictures = [picture(seed) for seed in range(4)]
    make_map(path, pictures * 128, model='hog')
    node = start('map_builder_node', model='hog', map_path=path, pose_source='none')
    listener.wait_until(lambda: 'listening' in node.output, what='for the node')
    ends_within(node, signal.SIGTERM, 2.0)
    assert verify(path) == []
    node = start('map_builder_node', model='hog', map_path=path, pose_source='none')

    def coded():
        with PlaceMap.open(path) as place_map:
            return place_map.codes.shape == (len(place_map), 64)

    listener.wait_until(coded, what='for codes')
    ends_within(node, signal.SIGTERM, 2.0)
    with PlaceMap.open(path) as place_map:
        assert len(place_map) == 512


def test_shutdown_transition_ends_the_work_and_nothing_is_answered_then(start, listener, tmp_path):
    path = make_map(tmp_path / 'm.vprmap', [picture(0)])
    node = start('place_recognition_node', model=MODEL, map_path=path)
    manager = Manager(listener, 'place_recognition_node')
    listener.wait_until(lambda: manager.images.get_subscription_count() > 0)
    assert manager.move(Transition.TRANSITION_ACTIVE_SHUTDOWN)
    listener.wait_until(lambda: manager.images.get_subscription_count() == 0)
    client = listener.node.create_client(Trigger, '/place_recognition_node/relocalize')
    listener.wait_until(client.service_is_ready)
    assert manager.call(client, Trigger.Request()).success
    assert node.stop() == 0


@pytest.mark.parametrize('kind', [MapBuilderNode, LoopClosureNode])
def test_a_node_that_could_not_be_activated_begins_anew_with_the_parameters_as_they_are_then(
    kind, tmp_path, monkeypatch
):
    monkeypatch.setenv('ROS_HOME', str(tmp_path / 'ros'))  # the default map and its folder
    node = kind()
    try:
        wrong = {'model': MODEL, 'pose_mount': 'on the roof'}
        node.set_parameters([Parameter(name, value=value) for name, value in wrong.items()])
        assert not node.start()
        assert not node.start()
        node.set_parameters([Parameter('pose_mount', value='0 0 1')])
        assert node.start()
    finally:
        node.trigger_shutdown()
        node.destroy_node()
