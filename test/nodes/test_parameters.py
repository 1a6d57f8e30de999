# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
import math
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from vpr_ros.localize import decide
from vpr_ros.nodes.parameter_fields import Parameter, parameter, parameters_of
from vpr_ros.nodes.parameters import NODES, PlaceRecognitionParameters

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / 'scripts'), str(ROOT / 'test' / 'localize')]
from candidates_sample import sample_candidates
from generate import as_markdown, as_yaml


@pytest.mark.parametrize('node', NODES)
def test_defaults_satisfy_their_own_rules(node):
    for known in parameters_of(NODES[node]):
        assert known.fault(known.default) is None
        assert known.description.endswith('.')


@pytest.mark.parametrize('node', NODES)
def test_defaults_have_the_types_that_readers_rely_on(node):
    types = get_type_hints(NODES[node])
    for known in parameters_of(NODES[node]):
        assert type(known.default) is types[known.name] or known.default in known.choices
    assert NODES[node]() == NODES[node](**{p.name: p.default for p in parameters_of(NODES[node])})


def test_new_parameter_touches_one_class():
    @dataclass(frozen=True)
    class More(NODES['map_builder_node']):
        patience: float = parameter(2.5, 'Seconds of patience.', 's', minimum=0.0, dynamic=True)

    *_, added = parameters_of(More)
    assert added == Parameter('patience', 2.5, 'Seconds of patience.', 's', 0.0, dynamic=True)
    assert yaml.safe_load(as_yaml('n', More))['/**/n']['ros__parameters']['patience'] == 2.5
    assert '| `patience` | double | 2.5 s | at least 0 |' in as_markdown(More)
    assert More().patience == 2.5


@pytest.mark.parametrize('node', NODES)
def test_parameter_file_holds_every_default(node):
    values = yaml.safe_load(as_yaml(node, NODES[node]))[f'/**/{node}']['ros__parameters']
    assert values == {
        parameter.name: parameter.default for parameter in parameters_of(NODES[node])
    }


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
PARAMETERS = [parameter for kind in NODES.values() for parameter in parameters_of(kind)]


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


@pytest.mark.parametrize('parameter', PARAMETERS, ids=lambda parameter: parameter.name)
def test_every_number_has_bounds_whose_squares_are_small(parameter):
    if type(parameter.default) in (int, float):
        assert parameter.minimum is not None
        assert parameter.maximum is not None
        assert max(abs(parameter.minimum), abs(parameter.maximum)) ** 2 <= 1e10


def test_the_greatest_and_least_parameters_give_finite_answers():
    candidates = sample_candidates((1, 0.9, 0.0), (2, 0.9, 1.0), (3, 0.2, 90.0))
    table = parameters_of(PlaceRecognitionParameters)
    for known in table:
        if type(known.default) not in (int, float):
            continue
        for value in (known.minimum, known.maximum):
            config = PlaceRecognitionParameters(**{known.name: value}).decision_config()
            _, decision = decide(candidates, config)
            if decision.covariance is not None:
                assert np.isfinite(decision.covariance).all(), known.name


def test_long_text_is_refused_and_not_repeated():
    assert len(Parameter('name', '', 'A name.').fault('a' * 10**6)) < 200
    assert len(Parameter('mode', 'a', 'A mode.', choices=('a',)).fault('b' * 4000)) < 200


def test_unknown_choice_is_refused_with_the_choices():
    parameter = Parameter('mode', 'a', 'A mode.', choices=('a', 'b'))
    assert 'a, b' in parameter.fault('c')
