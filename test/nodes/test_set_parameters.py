# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Parameters of nodes, set to anything that ROS can carry."""

import pytest
from hostile import examples, tried
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip('vpr_ros.msg', reason='needs ROS 2 and the built messages')

from rclpy.parameter import Parameter

from vpr_ros.nodes.loop_closure_node import LoopClosureNode
from vpr_ros.nodes.map_builder_node import MapBuilderNode
from vpr_ros.nodes.parameter_fields import parameters_of
from vpr_ros.nodes.parameters import NODES
from vpr_ros.nodes.place_recognition_node import PlaceRecognitionNode

pytestmark = pytest.mark.ros
CLASSES = {
    'place_recognition_node': PlaceRecognitionNode,
    'map_builder_node': MapBuilderNode,
    'loop_closure_node': LoopClosureNode,
}
INTEGERS = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.text(st.characters(codec='utf-8', exclude_characters='\0'), max_size=20)
VALUES = (
    st.booleans()
    | INTEGERS
    | st.floats()
    | TEXTS
    | st.lists(st.booleans(), min_size=1, max_size=3)
    | st.lists(INTEGERS, min_size=1, max_size=3)
    | st.lists(st.floats(), min_size=1, max_size=3)
    | st.lists(TEXTS, min_size=1, max_size=3)
)


@pytest.fixture(scope='module', params=CLASSES)
def node(request):
    node = CLASSES[request.param]()
    yield node
    node.destroy_node()


@pytest.mark.hostile
@examples(300, 3000)
@given(data=st.data())
def test_any_value_is_taken_or_refused_with_a_reason(node, data):
    table = {parameter.name: parameter for parameter in parameters_of(NODES[node.get_name()])}
    known = table[data.draw(st.sampled_from(sorted(table)))]
    near = st.sampled_from([known.default, known.minimum or 0, known.maximum or 1, *known.choices])
    value = data.draw(VALUES | near)
    before = getattr(node.read_parameters(), known.name)
    (result,) = node.set_parameters([Parameter(known.name, value=value)])
    tried()
    if result.successful:
        assert known.fault(value) is None
        assert not known.fixed
        # Whole numbers stand for floats, which hold not all of them.
        taken = float(value) if isinstance(known.default, float) else value
        assert getattr(node.read_parameters(), known.name) == taken
    else:
        assert result.reason
        assert getattr(node.read_parameters(), known.name) == before


def test_fixed_parameter_is_refused_while_running(node):
    for known in parameters_of(NODES[node.get_name()]):
        if known.fixed:
            (result,) = node.set_parameters([Parameter(known.name, value=known.default)])
            assert not result.successful


def test_dynamic_parameter_takes_effect_at_once_and_others_at_configure(node):
    def put(name, value):
        (result,) = node.set_parameters([Parameter(name, value=value)])
        return result.successful

    before = node.parameters
    assert put('max_rate', 7)
    assert put('threads', 3)
    assert not put('max_rate', -1.0)
    assert (node.parameters.max_rate, node.parameters.threads) == (7.0, before.threads)
    assert type(node.parameters.max_rate) is float
    assert before.max_rate != 7.0
    assert node.read_parameters().threads == 3
