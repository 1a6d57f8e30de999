# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The message and service definitions: documented, consistent, and usable once generated."""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from vpr_ros.localize import Status

ROOT = Path(__file__).resolve().parent.parent
DEFINITIONS = sorted([*ROOT.glob('msg/*.msg'), *ROOT.glob('srv/*.srv')])
NAMES = [path.name for path in DEFINITIONS]

DECLARATION = re.compile(
    r'(?P<type>[A-Za-z0-9_/]+(?:\[\d*\])?)\s+(?P<name>\w+)\s*(?:=\s*(?P<value>\S+))?\s*'
    r'(?:#\s*(?P<comment>.*))?'
)


@dataclass(frozen=True)
class Declared:
    """One field or constant of a definition."""

    section: int
    type: str
    name: str
    value: str | None
    comment: str


def declarations(path: Path) -> list[Declared]:
    """Read a definition; a comment block directly above a declaration is its comment."""
    found = []
    section = 0
    above: list[str] = []
    for line in path.read_text('utf-8').splitlines():
        if line == '---':
            section += 1
        elif line.startswith('#'):
            above.append(line.lstrip('# '))
            continue
        elif line:
            match = DECLARATION.fullmatch(line)
            assert match, f'{path.name}: {line!r} is no declaration'
            comment = match['comment'] or ' '.join(above)
            found.append(Declared(section, match['type'], match['name'], match['value'], comment))
        above = []
    return found


def test_there_are_messages_and_services():
    assert {'PlaceCandidateArray.msg', 'LoopClosure.msg', 'QueryPlace.srv'} <= set(NAMES)


@pytest.mark.parametrize('path', DEFINITIONS, ids=NAMES)
def test_every_field_and_constant_is_explained(path):
    for declared in declarations(path):
        assert len(declared.comment.split()) >= 1, f'{declared.name} has no comment'
        assert declared.comment.endswith('.'), f'{declared.name}: {declared.comment!r}'


@pytest.mark.parametrize('path', DEFINITIONS, ids=NAMES)
def test_definition_says_what_it_is_for(path):
    lines = path.read_text('utf-8').splitlines()
    assert lines[0].startswith('# SPDX-FileCopyrightText')
    assert len(lines[2].split()) > 3


@pytest.mark.parametrize('path', DEFINITIONS, ids=NAMES)
def test_names_and_values_are_unique(path):
    found = declarations(path)
    for section in {declared.section for declared in found}:
        here = [declared for declared in found if declared.section == section]
        names = [declared.name for declared in here]
        values = [declared.value for declared in here if declared.value is not None]
        assert len(names) == len(set(names))
        assert len(values) == len(set(values))


@pytest.mark.parametrize('path', sorted(ROOT.glob('srv/*.srv')), ids=lambda path: path.name)
def test_answer_of_every_service_has_a_result_and_its_reason(path):
    answer = {declared.name: declared for declared in declarations(path) if declared.section == 1}
    assert answer['result'].type == 'uint8'
    assert answer['message'].type == 'string'
    assert answer['RESULT_SUCCESS'].value == '0'
    assert answer['RESULT_FAILED'].value == '255'


def test_quantities_with_a_unit_name_it():
    units = {
        'latitude': 'degrees',
        'longitude': 'degrees',
        'altitude': 'metres',
        'pose': 'metres',
        'transform': 'metres',
        'bounds_min': 'metres',
        'bounds_max': 'metres',
    }
    for path in DEFINITIONS:
        for declared in declarations(path):
            unit = units.get(declared.name.removeprefix('datum_'))
            assert unit is None or unit in declared.comment, f'{path.name}: {declared.name}'


def test_statuses_are_those_of_the_message():
    constants = {
        declared.name: int(declared.value)
        for declared in declarations(ROOT / 'msg' / 'PlaceCandidateArray.msg')
        if declared.value is not None
    }
    assert constants == {status.name: status.value for status in Status}


@pytest.mark.parametrize('path', DEFINITIONS, ids=NAMES)
def test_every_field_and_constant_is_used(path):
    nodes = '\n'.join(file.read_text('utf-8') for file in ROOT.glob('vpr_ros/nodes/*.py'))
    used = {*re.findall(r'\w+', nodes), *Status.__members__}
    for declared in declarations(path):
        name = declared.name.removeprefix('RESULT_')
        assert name in used or name == 'SUCCESS', declared.name


def test_build_generates_exactly_these():
    listed = re.findall(r'^  ((?:msg|srv)/\w+\.(?:msg|srv))$', cmake(), re.MULTILINE)
    assert sorted(listed) == sorted(str(path.relative_to(ROOT)) for path in DEFINITIONS)


def cmake() -> str:
    return (ROOT / 'CMakeLists.txt').read_text('utf-8')


@pytest.mark.ros
@pytest.mark.parametrize('path', DEFINITIONS, ids=NAMES)
def test_generated_class_has_the_fields_and_constants(path):
    kind = path.suffix[1:]
    pytest.importorskip(f'vpr_ros.{kind}', reason='the messages are not built: make build')
    generated = getattr(importlib.import_module(f'vpr_ros.{kind}'), path.stem)
    parts = [generated] if kind == 'msg' else [generated.Request, generated.Response]
    for declared in declarations(path):
        part = parts[declared.section]
        if declared.value is not None:
            assert getattr(part, declared.name) == int(declared.value)
        else:
            assert declared.name in part.get_fields_and_field_types()


@pytest.mark.ros
def test_rosbags_reads_what_ros_writes_from_the_definitions_alone():
    messages = pytest.importorskip('vpr_ros.msg', reason='the messages are not built: make build')
    serialization = pytest.importorskip('rclpy.serialization')
    typesys = pytest.importorskip('rosbags.typesys')
    store = typesys.get_typestore(typesys.Stores.ROS2_JAZZY)
    for path in ROOT.glob('msg/*.msg'):
        store.register(
            typesys.get_types_from_msg(path.read_text('utf-8'), f'vpr_ros/msg/{path.stem}')
        )

    candidate = messages.PlaceCandidate(place_id=2**63, similarity=0.5, verified=True)
    candidate.pose.pose.position.y = 481234.5
    sent = messages.PlaceCandidateArray(
        status=messages.PlaceCandidateArray.AMBIGUOUS, reason='zwei Häuser', candidates=[candidate]
    )
    sent.header.stamp.nanosec = 999_999_999

    received = store.deserialize_cdr(
        serialization.serialize_message(sent), 'vpr_ros/msg/PlaceCandidateArray'
    )

    assert received.header.stamp.nanosec == 999_999_999
    assert received.status == received.AMBIGUOUS
    assert received.reason == 'zwei Häuser'
    assert received.candidates[0].place_id == 2**63
    assert received.candidates[0].pose.pose.position.y == 481234.5
