# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
import math
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from vpr_ros.nodes.parameters import NODES, Parameter, as_yaml

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize('node', NODES)
def test_defaults_satisfy_their_own_rules(node):
    for parameter in NODES[node]:
        assert parameter.fault(parameter.default) is None
        assert parameter.description.endswith('.')


@pytest.mark.parametrize('node', NODES)
def test_no_parameter_is_declared_twice(node):
    names = [parameter.name for parameter in NODES[node]]
    assert len(names) == len(set(names))


@pytest.mark.parametrize('node', NODES)
def test_parameter_file_holds_every_default(node):
    values = yaml.safe_load(as_yaml(node))[f'/**/{node}']['ros__parameters']
    assert values == {parameter.name: parameter.default for parameter in NODES[node]}


def test_config_files_and_tables_are_up_to_date():
    run = subprocess.run(
        [sys.executable, ROOT / 'scripts' / 'generate.py', '--check'],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


RATE = Parameter('rate', 1.0, 'A rate.', 'Hz', minimum=0.0, maximum=10.0)


@pytest.mark.parametrize('value', [-0.1, 10.1, math.nan, math.inf, 'fast', True, None, [1.0]])
def test_bad_value_is_refused_by_name(value):
    assert 'rate' in RATE.fault(value)


@given(st.floats(0, 10) | st.integers(0, 10))
def test_value_in_range_is_taken(value):
    assert RATE.fault(value) is None


ANYTHING = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.lists(st.floats() | st.text(), max_size=3)
)
PARAMETERS = [parameter for parameters in NODES.values() for parameter in parameters]


@settings(max_examples=500)
@given(st.sampled_from(PARAMETERS), ANYTHING)
def test_any_value_is_in_range_or_refused_by_name(parameter, value):
    fault = parameter.fault(value)
    if fault is not None:
        assert parameter.name in fault
        return
    assert isinstance(value, type(parameter.default)) or type(value) is int
    if parameter.minimum is not None:
        assert value >= parameter.minimum
    if parameter.maximum is not None:
        assert value <= parameter.maximum
    if parameter.choices:
        assert value in parameter.choices


def test_unknown_choice_is_refused_with_the_choices():
    parameter = Parameter('mode', 'a', 'A mode.', choices=('a', 'b'))
    assert 'a, b' in parameter.fault('c')
