# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Services that are called by many at once: each request is answered, be it with "busy"."""

import threading

import pytest

pytest.importorskip('vpr_ros.msg', reason='needs ROS 2 and the built messages')

from hostile import amount, survived, tried
from node_samples import MODEL, make_map, message, picture
from rcl_interfaces.srv import GetParameters
from rclpy.qos import QoSProfile
from std_srvs.srv import SetBool, Trigger
from vpr_ros.msg import MapInfo, PlaceCandidateArray
from vpr_ros.srv import DeleteSession, GetPlace, LoadMap, MergeMap, QueryPlace, SaveMap

from vpr_ros.nodes.place_recognition_node import PlaceRecognitionNode

pytestmark = [pytest.mark.ros, pytest.mark.hostile]
CALLS = amount(150, 1000)
REQUESTS = {
    'place_recognition_node': {
        'get_place': (GetPlace, {'place_id': 1}),
        'load_map': (LoadMap, {'map_url': 'm.vprmap'}),
        'query': (QueryPlace, {'image': message(picture(0), 1)}),
        'relocalize': (Trigger, {}),
        'save_map': (SaveMap, {'map_url': 'copy.vprmap', 'overwrite': True}),
    },
    'map_builder_node': {
        'clear_map': (Trigger, {}),
        'delete_session': (DeleteSession, {'session_id': 7}),
        'get_place': (GetPlace, {'place_id': 1}),
        'load_map': (LoadMap, {'map_url': 'm.vprmap'}),
        'merge_map': (MergeMap, {'map_url': 'other.vprmap'}),
        'save_map': (SaveMap, {'map_url': 'copy.vprmap', 'overwrite': True}),
        'set_mapping': (SetBool, {'data': False}),
    },
}


@pytest.fixture
def running(start, listener, tmp_path):
    """Return a function that starts a node with a map of four places, beside another map."""

    def run(name):
        path = make_map(tmp_path / 'm.vprmap', [picture(seed) for seed in range(4)])
        make_map(tmp_path / 'other.vprmap', [picture(seed) for seed in range(4, 8)])
        info = listener.collect_latched(MapInfo, f'/{name}/map_info')
        node = start(name, model=MODEL, map_path=path)
        listener.wait_until(lambda: info, what='for the map')
        return node

    return run


def burst(listener, name, service, calls, **quality):
    """Call a service many times before any answer is taken; return the answers."""
    kind, fields = REQUESTS[name][service]
    client = listener.node.create_client(kind, f'/{name}/{service}', **quality)
    listener.wait_until(client.service_is_ready, 30, f'for {service}')
    waiting = [client.call_async(kind.Request(**fields)) for _ in range(calls)]
    listener.wait_until(
        lambda: all(answer.done() for answer in waiting), 60, f'for answers of {service}'
    )
    listener.node.destroy_client(client)
    tried(calls)
    return [answer.result() for answer in waiting]


@pytest.mark.timeout(300)
@pytest.mark.parametrize('name', REQUESTS)
def test_all_calls_at_once_are_answered_or_told_that_the_node_is_busy(running, listener, name):
    node = running(name)
    for service in REQUESTS[name]:
        answers = burst(listener, name, service, CALLS, qos_profile=QoSProfile(depth=CALLS))
        refused = [a for a in answers if 'busy' in a.message]
        assert len(refused) < CALLS
        survived(len(refused))
    assert node.alive
    assert 'Traceback' not in node.output


@pytest.mark.parametrize('service', ['query', 'get_place'])
def test_an_ordinary_client_that_asks_ten_times_at_once_is_answered_ten_times(
    running, listener, service
):
    running('place_recognition_node')
    # Of more its middleware keeps the last ten, both of requests to send again and of answers.
    answers = burst(listener, 'place_recognition_node', service, 10)
    assert [a.result for a in answers] == [type(answers[0]).RESULT_SUCCESS] * 10


def test_images_are_answered_during_a_burst_of_calls(running, listener):
    running('place_recognition_node')
    topic = '/place_recognition_node/candidates'
    answers = listener.collect(PlaceCandidateArray, topic)
    images = listener.publisher(type(message(picture(0), 1)), '/image')
    client = listener.node.create_client(SaveMap, '/place_recognition_node/save_map')
    listener.wait_until(client.service_is_ready, 30, 'for save_map')
    request = SaveMap.Request(map_url='copy.vprmap', overwrite=True)
    waiting = [client.call_async(request) for _ in range(20)]
    number = iter(range(1, 10**6))

    def answered():
        images.publish(message(picture(0), next(number)))
        return answers

    listener.wait_until(answered, 30, 'for an answer')
    assert not all(answer.done() for answer in waiting)


def test_a_slow_request_keeps_nobody_else_waiting(listener):
    node, gate = PlaceRecognitionNode(), threading.Event()
    listener.add(node)
    try:
        slow = listener.node.create_client(Trigger, '/place_recognition_node/relocalize')
        other = listener.node.create_client(
            GetParameters, '/place_recognition_node/get_parameters'
        )
        listener.wait_until(lambda: slow.service_is_ready() and other.service_is_ready(), 30)
        node.jobs.submit(gate.wait)
        listener.wait_until(lambda: node.jobs._running, 30, 'for the work before it')
        waiting = slow.call_async(Trigger.Request())
        listener.wait_until(lambda: node.jobs._waiting, 30, 'for the slow request')
        asked = other.call_async(GetParameters.Request(names=['model']))
        listener.wait_until(asked.done, 30, 'for the parameter')
        assert not waiting.done()
        gate.set()
        listener.wait_until(waiting.done, 30, 'for the slow answer')
    finally:
        gate.set()
        listener.remove(node)
        node.destroy_node()
