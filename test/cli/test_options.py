# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Values that options refuse, and options that are refused beside others."""

from __future__ import annotations

import inspect
import io
import math
import shlex
import sys
from pathlib import Path
from typing import Annotated, get_args, get_origin, get_type_hints

import numpy as np
import pytest
import typer

from vpr_ros import models
from vpr_ros.cli.main import main
from vpr_ros.geometry import Pose
from vpr_ros.maps import MapWriter, NewPlace
from vpr_ros.nodes.parameter_fields import parameters_of
from vpr_ros.nodes.parameters import NODES
from vpr_ros.registries import names_listed
from vpr_ros.types import Description, ModelInfo

sys.path.insert(0, str(Path(__file__).parents[2] / 'scripts'))
from site_pages import every_command


def status(text):
    """Return the exit status of a command."""
    try:
        return main(shlex.split(text))
    except SystemExit as end:
        return end.code or 0


def numbers():
    """Yield a label, the type, the names and the settings of every option that takes numbers."""
    for command_name, command in every_command():
        hints = get_type_hints(inspect.unwrap(command.callback), include_extras=True)
        for name, hint in hints.items():
            if get_origin(hint) is Annotated:
                kind, info = get_args(hint)
                flags = [flag.lstrip('-').replace('-', '_') for flag in info.param_decls or ()]
                if str(kind).startswith(("<class 'float'>", 'float', "<class 'int'>", 'int')):
                    yield f'{command_name} {name}', kind, [*flags, name], info


@pytest.mark.parametrize(
    ('kind', 'info'), [pytest.param(k, i, id=label) for label, k, _, i in numbers()]
)
def test_every_number_has_a_lower_bound_and_is_finite(kind, info):
    assert info.min is not None
    if 'float' in str(kind):
        for value in (math.nan, math.inf, -math.inf):
            with pytest.raises(typer.BadParameter, match='a number is expected'):
                info.callback(value)


def test_bounds_are_those_of_the_parameters_of_the_same_name():
    bounds = {
        rule.name: (rule.minimum, rule.maximum)
        for node in NODES.values()
        for rule in parameters_of(node)
    }
    # In degrees here; no number of threads is the library's; precision is of answers.
    others = ('keyframe_angle', 'threads', 'precision')
    shared = [
        (label, (info.min, info.max), bounds[name])
        for label, _, names, info in numbers()
        for name in names
        if name in bounds and name not in others
    ]
    assert len(shared) > 10
    assert not [each for each in shared if each[1] != each[2]]


def test_names_of_models_are_read_without_importing_them():
    own = {name: models.registration(name) for name in models.registered()}
    for attribute, backbone in (('MODELS', False), ('BACKBONES', True)):
        listed = set(names_listed('vpr_ros.models', attribute))
        assert listed == {name for name, entry in own.items() if entry.backbone is backbone}


@pytest.fixture
def town(tmp_path, monkeypatch):
    """The map of two places by a model that makes codes, in the current folder."""
    monkeypatch.chdir(tmp_path)
    model = ModelInfo('test-net', 'weights', 16, 8, 'hash head', trained=False)
    with MapWriter.create(tmp_path / 'town.vprmap', model) as writer:
        session = writer.begin_session('morning', 0)
        writer.add(
            [
                NewPlace(
                    Description(vector, np.zeros(1, np.uint8)), session, i, Pose.planar(i, 0, 0)
                )
                for i, vector in enumerate(np.eye(16, dtype=np.float32)[:2])
            ]
        )
    (tmp_path / 'poses.txt').write_text('1 0 0 0 0 0 0 1\n')
    return tmp_path


@pytest.mark.parametrize(
    'command',
    [
        'map build new.vprmap bag --mount foo',
        'map import new.vprmap folder --format exif --mount foo',
        'map update-poses town.vprmap poses.txt --mount foo',
        'map mount town.vprmap --set "1 2 foo"',
        'map datum town.vprmap --set 95 0 0',
        'map datum town.vprmap --set 0 0 nan',
        'map delete town.vprmap --near-geo 95 0 --radius 5 --yes',
        'map delete town.vprmap --near nan 0 0 --radius 5 --yes',
        'map recode town.vprmap --bits 12',
        'train distill recipe.yaml --output out --set foo',
        'train pca recipe.yaml --output out --set =1',
        'bench node --seconds -1 --json',
        'bench retrieval --memory -1',
        'bench retrieval --folder nowhere',
        'calibrate town.vprmap bag --output c.yaml --figure c.doc',
    ],
)
def test_malformed_values_are_usage_errors(town, command, capsys):
    assert status(command) == 2
    assert 'Invalid value for' in capsys.readouterr().err
    assert sorted(path.name for path in town.iterdir()) == ['poses.txt', 'town.vprmap']


def test_the_altitude_that_nobody_gave_is_not_told(town, capsys):
    assert status('map delete town.vprmap --near-geo 95 0 --radius 5 --yes') == 2
    assert 'altitude' not in capsys.readouterr().err


@pytest.mark.parametrize(
    ('command', 'option'),
    [
        ('map recode town.vprmap --bits 8 --storage int8', '--bits'),
        ('map recode town.vprmap --seed 3 --storage int8', '--seed'),
        ('map mount town.vprmap --camera nope', '--camera'),
        ('map export town.vprmap --format csv --ids -o places.csv', '--ids'),
        (
            'map update-poses town.vprmap poses.txt --by id --stamp-tolerance 1',
            '--stamp-tolerance',
        ),
        ('map update-poses town.vprmap poses.txt --by id --session 1', '--session'),
        ('map import town.vprmap folder --format exif --poses poses.txt', '--poses'),
        ('map import town.vprmap folder --format tum --poses poses.txt --times t', '--times'),
        ('evaluate bag town.vprmap bag --map-bag bag', '--map-bag'),
        ('evaluate bag town.vprmap bag --map-image-topic /image', '--map-image-topic'),
        ('evaluate bag town.vprmap bag --odometry', '--odometry'),
        ('evaluate bag town.vprmap bag --verify none --min-inliers 20', '--min-inliers'),
        ('evaluate bag town.vprmap bag --verify none --field-of-view 60', '--field-of-view'),
        ('evaluate loops bag --pair-tolerance 3', '--pair-tolerance'),
        ('evaluate loops bag --pairs p.csv --tolerance 3', '--tolerance'),
        ('evaluate loops bag --pairs p.csv --angle 3', '--angle'),
        ('evaluate loops bag --pairs p.csv --pose-topic /pose', '--pose-topic'),
        ('evaluate loops bag --pairs p.csv --keyframe-distance 3', '--keyframe-distance'),
        ('evaluate loops bag --pairs p.csv --keyframe-angle 3', '--keyframe-angle'),
        ('evaluate loops bag --pairs p.csv --exclude-time 3', '--exclude-time'),
        ('evaluate loops bag --pairs p.csv --exclude-distance 3', '--exclude-distance'),
        ('evaluate loops bag --verify none --require-transform', '--require-transform'),
        ('evaluate loops . --pairs p.csv --image-topic /image', '--image-topic'),
        ('evaluate loops bag --verify none --min-inliers 20', '--min-inliers'),
        ('evaluate dataset folder --database-poses p', '--database-poses'),
        ('evaluate dataset folder --format exif --queries-poses p', '--queries-poses'),
        ('evaluate dataset folder --format frames --tolerance 2 --angle 3', '--angle'),
        ('calibrate drive.json -o c.yaml --elsewhere bag', '--elsewhere'),
        ('calibrate drive.json -o c.yaml --device cpu', '--device'),
        ('explain x.jpg --device cpu', '--device'),
        ('explain town.vprmap x.jpg --map-image-topic /image', '--map-image-topic'),
        ('bench node --calls --seconds 3', '--seconds'),
        ('bench node --calls --overload', '--overload'),
        ('bench node --overload --rate 3', '--rate'),
        ('bench describe --most 3', '--most'),
        ('bag play bag --timeout 3', '--timeout'),
    ],
)
def test_options_without_effect_are_usage_errors(town, command, option, capsys):
    before = (town / 'town.vprmap').read_bytes()
    assert status(command) == 2
    assert f'{option} has no effect' in capsys.readouterr().err
    assert (town / 'town.vprmap').read_bytes() == before


@pytest.mark.parametrize(
    ('command', 'told'),
    [
        ('map export town.vprmap --format csv -o nowhere/x.csv', 'no folder'),
        ('map build nowhere/new.vprmap bag', 'no folder'),
        ('map merge town.vprmap -o nowhere/new.vprmap', 'no folder'),
        ('map import nowhere/new.vprmap folder --format exif', 'no folder'),
        ('explain x.jpg -o nowhere/x.png', 'no folder'),
        ('export d2vpr-nano -o nowhere/x.onnx', 'no folder'),
        ('train pca recipe.yaml -o nowhere/x.safetensors', 'no folder'),
        ('weights convert x.pth d2vpr -o nowhere/x.safetensors', 'no folder'),
        ('train distill recipe.yaml -o out', 'recipe.yaml: No such file or directory'),
        ('train distill town.vprmap -o out', 'town.vprmap: it is no text'),
        ('map update-poses town.vprmap words.txt --by id', "line 1: 'first' is no id of a place"),
        ('map update-poses town.vprmap north.txt', "line 1: 'north' is no number"),
        ('weights convert town.bin d2vpr', 'town.bin cannot be read as weights'),
        ('evaluate compare town.bin town.bin', 'town.bin cannot be read as JSON: it is no text'),
        ('evaluate loops bag --pairs no.csv', 'no.csv cannot be read: No such file or directory'),
    ],
)
def test_files_that_cannot_be_used_are_told_in_plain_words(town, command, told, capsys):
    (town / 'words.txt').write_text('first 0 0 0 0 0 0 1\n')
    (town / 'north.txt').write_text('1 0 north 0 0 0 0 1\n')
    (town / 'town.bin').write_bytes(b'\xff\xfe\x00\x9e')
    before = sorted(path.name for path in town.iterdir())
    assert status(command) == 1
    error = capsys.readouterr().err
    assert told in error
    assert '[Errno' not in error
    assert 'weights_only' not in error
    assert sorted(path.name for path in town.iterdir()) == before


@pytest.mark.parametrize('answer', ['y', 'n'])
def test_the_question_before_deleting_keeps_off_standard_output(town, answer, monkeypatch, capsys):
    monkeypatch.setattr('sys.stdin', io.StringIO(f'{answer}\n'))
    status('map delete town.vprmap --session 1 --json')
    out, err = capsys.readouterr()
    assert out.startswith('{')
    assert 'Delete 2 of 2 places' in err
