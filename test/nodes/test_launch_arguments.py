# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import launch_stand_in
import pytest
import yaml

from vpr_ros.nodes.launch_arguments import TOPICS, unknown_arguments, value_of
from vpr_ros.nodes.parameter_fields import parameters_of
from vpr_ros.nodes.parameters import NODES

ROOT = Path(__file__).parents[2]
FILES = sorted(path.name for path in (ROOT / 'launch').glob('*.launch.py'))
OF_NODE = {f'{node.removesuffix("_node")}.launch.py': node for node in NODES}


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch):
    launch_stand_in.install(monkeypatch)
    yield
    sys.modules.pop('vpr_ros.nodes.launching', None)


def described(name):
    return runpy.run_path(str(ROOT / 'launch' / name))['generate_launch_description']()


def arguments(name):
    kind = launch_stand_in.DeclareLaunchArgument
    return {one.name: one for one in described(name).entities if isinstance(one, kind)}


def started(name, *argv):
    description = described(name)
    context = launch_stand_in.LaunchContext(argv, description)
    kind = launch_stand_in.OpaqueFunction
    (function,) = (one.function for one in description.entities if isinstance(one, kind))
    return function(context)


def parameters(node):
    _, given = node.options['parameters']
    return {
        name: getattr(value, 'arguments', (value,))[0] for name, value in given.items()
    }  # fmt: skip


@pytest.mark.parametrize('name', FILES)
def test_every_parameter_and_topic_is_an_argument_that_says_what_it_does(name):
    found = arguments(name)
    nodes = [OF_NODE[name]] if name in OF_NODE else ['place_recognition_node', 'map_builder_node']
    for node in nodes:
        wanted = {known.name for known in parameters_of(NODES[node])}
        wanted |= {f'{topic}_topic' for topic in TOPICS[node]}
        assert wanted <= set(found)
    assert all(one.description.endswith('.') for one in found.values())


def test_arguments_become_parameters_of_their_type_and_others_are_left_to_the_file():
    (node,) = started(
        'map_builder.launch.py',
        'session_name:=2026',
        'autostart:=false',
        'keyframe_distance:=2',
        'thumbnails:=0',
        'model:=hog',
    )
    assert parameters(node) == {
        'use_sim_time': False,
        'session_name': '2026',
        'autostart': False,
        'keyframe_distance': 2.0,
        'thumbnails': 0,
        'model': 'hog',
    }
    assert node.options['parameters'][1]['session_name'].options == {'value_type': str}


def test_switches_may_be_written_as_python_writes_them():
    for text, value in (('True', True), ('False', False), ('true', True)):
        (node,) = started('map_builder.launch.py', f'use_sim_time:={text}', f'autostart:={text}')
        assert parameters(node) == {'use_sim_time': value, 'autostart': value}
    declared = arguments('map_builder.launch.py')
    assert {'True', 'False'} <= set(declared['respawn'].choices)
    assert len(started('map_builder.launch.py', 'rviz:=True')) == 2


def test_topics_are_remapped_and_camera_info_follows_the_images():
    (node,) = started('place_recognition.launch.py', 'image_topic:=/cam/image', 'fix_topic:=/gps')
    assert node.options['remappings'] == [('image', '/cam/image'), ('fix', '/gps')]
    (node,) = started('place_recognition.launch.py', 'camera_info_topic:=/other')
    assert node.options['remappings'] == [('camera_info', '/other')]


@pytest.mark.parametrize('name', FILES)
def test_an_unknown_argument_is_named_with_the_nearest_that_there_is(name, caplog, monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['ros2', 'launch', f'install/vpr_ros/{name}'])
    started(name, 'modle:=hog', 'imagetopic:=/a', *(['bag:=b'] if name not in OF_NODE else []))
    assert 'no argument modle, so it has no effect: did you mean model?' in caplog.text
    assert 'did you mean image_topic?' in caplog.text
    assert 'no argument bag' not in caplog.text


def test_arguments_of_a_launch_file_that_includes_ours_are_its_own(caplog, monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['ros2', 'launch', 'robot', 'bringup.launch.py'])
    (node,) = started('map_builder.launch.py', 'use_lidar:=true', 'model:=hog')
    assert parameters(node)['model'] == 'hog'
    assert 'no argument' not in caplog.text


def test_unknown_arguments_unlike_any_point_to_the_list():
    assert unknown_arguments(['zzz'], ['model']) == [
        'there is no argument zzz, so it has no effect: `ros2 launch` shows those that there are'
    ]


@pytest.mark.parametrize(
    ('argument', 'said'),
    [
        ('thumbnails:=many', 'thumbnails:=many is no integer'),
        ('keyframe_distance:=-1', 'keyframe_distance is -1.0 but must be 0 to'),
        ('pose_source:=gps', 'must be one of odometry'),
    ],
)
def test_a_value_that_no_parameter_can_have_is_refused(argument, said):
    with pytest.raises(ValueError, match=said):
        started('map_builder.launch.py', argument)


def test_bag_demo_starts_the_node_that_is_asked_for():
    for builds, executable in (('false', 'place_recognition_node'), ('true', 'map_builder_node')):
        (node,) = started('bag_demo.launch.py', f'build_map:={builds}', 'bag:=b', 'map_path:=m')
        assert node.options['executable'] == executable
        assert parameters(node) == {'use_sim_time': True, 'map_path': 'm'}
        assert ('image', '/camera/image_raw') in node.options['remappings']


def test_rviz_shows_the_topics_of_the_node_in_its_namespace():
    node, rviz = started('place_recognition.launch.py', 'rviz:=true', 'namespace:=robot')
    assert node.options['namespace'] == 'robot'
    assert rviz.options['package'] == 'rviz2'
    new = dict(rviz.options['remappings'])
    shown = yaml.safe_load((ROOT / 'visualization' / 'vpr_ros.rviz').read_text())
    displays = shown['Visualization Manager']['Displays']
    topics = {display['Topic']['Value'] for display in displays if 'Topic' in display}
    assert topics == set(new)
    assert new['/place_recognition_node/pose'] == '/robot/place_recognition_node/pose'


def test_layout_of_foxglove_names_each_panel_once():
    layout = json.loads((ROOT / 'visualization' / 'foxglove.json').read_text())

    def panels(part):
        return [part] if isinstance(part, str) else panels(part['first']) + panels(part['second'])

    assert sorted(panels(layout['layout'])) == sorted(layout['configById'])


@pytest.mark.parametrize('node', NODES)
def test_each_default_is_a_value_that_an_argument_can_give(node):
    for known in parameters_of(NODES[node]):
        if known.default != '':
            assert value_of(known, str(known.default)) == known.default
