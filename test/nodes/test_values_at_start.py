# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Parameters and arguments that a node is given when it starts, and cannot use."""

from types import SimpleNamespace

import pytest
from hostile import examples, survived, tried
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip('vpr_ros.msg', reason='needs ROS 2 and the built messages')

from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from test_set_parameters import VALUES

from vpr_ros.errors import ParameterError
from vpr_ros.nodes.complaints import Complaints
from vpr_ros.nodes.parameter_fields import parameters_of
from vpr_ros.nodes.parameter_node import ParameterNode
from vpr_ros.nodes.parameters import NODES

pytestmark = [pytest.mark.ros, pytest.mark.hostile]


@examples(60, 1000)
@given(st.sampled_from(sorted(NODES)), VALUES, st.data())
def test_a_node_with_any_value_is_there_and_takes_a_better_one(name, value, data):
    known = data.draw(st.sampled_from(parameters_of(NODES[name])))
    node = ParameterNode(name, parameter_overrides=[Parameter(known.name, value=value)])
    tried()
    try:
        if known.fault(value) is None:
            assert getattr(node.read_parameters(), known.name) == value
            return
        with pytest.raises(ParameterError, match=known.name):
            node.read_parameters()
        survived()
        if not known.fixed:
            node.set_parameters([Parameter(known.name, value=known.default)])
            assert node.read_parameters() == NODES[name]()
    finally:
        node.destroy_node()


def test_the_reason_of_a_start_is_said_once_until_another_comes():
    said = []
    complaints = Complaints(SimpleNamespace(error=said.append))
    for reason in ('no map', 'no map', 'no weights', 'no map'):
        complaints.of_start(ParameterError(reason), '; wait')
    complaints.forget_start()
    complaints.of_start(ParameterError('no map'), '')
    reasons = ['no map; wait', 'no weights; wait', 'no map; wait', 'no map']
    assert said == [f'cannot start: {reason}' for reason in reasons]


def test_a_node_with_a_wrong_value_says_so_and_starts_once_it_is_mended(start, listener):
    node = start('place_recognition_node', rerank='ten', verify='none')
    listener.wait_until(lambda: 'cannot start' in node.output, 60)
    client = listener.node.create_client(SetParameters, '/place_recognition_node/set_parameters')
    assert client.wait_for_service(30)
    better = Parameter('rerank', value=7).to_parameter_msg()
    answer = listener.reach(client, SetParameters.Request(parameters=[better]))
    assert answer.results[0].successful
    listener.wait_until(lambda: 'listening to' in node.output, 60)
    assert node.output.count('cannot start') == 1
    assert "'ten'" in node.output


@pytest.mark.parametrize('value', ['perhaps', 7])
def test_a_quality_of_service_that_does_not_exist_is_said_in_one_line(start, listener, value):
    qos = {'qos_overrides./image.subscription.reliability': value}
    node = start('map_builder_node', **qos)
    listener.wait_until(lambda: 'cannot start' in node.output, 60)
    assert '/image cannot be subscribed to' in node.output
    assert 'unexpected' not in node.output
    assert node.stop() == 0


@pytest.mark.parametrize(
    'given',
    [{'remap': {'__ns': '/a//b'}}, {'use_sim_time': 7}, {'rerank': '['}, {'remap': {'a': '1b'}}],
    ids=str,
)
def test_arguments_that_ros_cannot_use_end_the_process_in_words(start, given):
    node = start('place_recognition_node', **given)
    assert node.process.wait(60) == 2
    assert 'cannot start a node with these arguments' in node.output
    assert 'Traceback' not in node.output
