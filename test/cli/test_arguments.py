# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What holds for the arguments of every command: order, choices, JSON, exit status."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from vpr_ros.cli.main import main

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / 'vpr_ros'
sys.path.insert(0, str(ROOT / 'scripts'))
from site_pages import every_command  # noqa: E402

FLAG = re.compile(r'(?<![\w-])--[a-z][a-z-]+')


def status(*words):
    """Return the exit status of a command."""
    try:
        return main([str(word) for word in words])
    except SystemExit as end:
        return end.code or 0


@pytest.mark.parametrize(
    ('words', 'order'),
    [
        ('map build morning.mcap town.vprmap', 'MAP'),
        ('evaluate bag evening.mcap town.vprmap', 'MAP'),
        ('query photo.jpg town.vprmap', 'MAP'),
        ('explain photo.jpg town.vprmap', '[MAP] IMAGE'),
        ('fleet pull town.txt postgresql://robots/fleet town', '{MAP} {URL}'),
        ('map import photos.zip town.vprmap --format exif', 'MAP'),
        ('evaluate loops town.vprmap', 'BAG'),
        ('bag play town.vprmap', 'BAG'),
        ('map update-poses optimised.tum town.vprmap', '{MAP} {POSES}'),
        ('map update-poses town.vprmap town.vprmap', '{MAP} {POSES}'),
        ('map build town.txt morning.mcap', '{MAP} {BAG}'),
        ('map merge morning.vprmap morning.mcap -o town.vprmap', 'MAP'),
        ('map merge morning.vprmap evening.vprmap -o town.txt', 'MAP'),
        ('calibrate morning.mcap town.vprmap -o c.yaml', 'MAP BAG'),
        ('calibrate town.vprmap -o c.yaml', 'MAP BAG'),
        ('evaluate compare town.vprmap town.vprmap', '{RESULT} {RESULT}'),
        ('weights convert d2vpr weights.pth', '{FILE} {NAME}'),
    ],
)
def test_swapped_arguments_are_a_usage_error_that_shows_the_order(words, order, tmp_path, capsys):
    assert status(*words.split()) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith('Usage: vpr ')
    assert order in err


@pytest.mark.parametrize(
    ('words', 'choices'),
    [
        ('evaluate bag town.vprmap bag --temporal foo', 'sequence'),
        ('evaluate bag town.vprmap bag --model foo', 'd2vpr-nano'),
        ('evaluate bag town.vprmap bag --device foo', 'cuda:N'),
        ('map recode town.vprmap --storage foo', 'float16'),
        ('map export town.vprmap --format foo --output x', 'geojson'),
        ('evaluate dataset folder --format foo', 'frames'),
        ('bench describe --precision foo', 'bf16'),
        ('bench describe --backend foo', 'onnx'),
        ('export foo --output x.onnx', 'd2vpr-nano'),
        ('weights fetch foo', 'dinov2-vits14'),
        ('weights convert x.pth foo', 'dinov2-vits14'),
        ('query town.vprmap x.jpg --model dinov2-vits14', 'd2vpr-nano'),
    ],
)
def test_other_choices_are_usage_errors_that_name_those_there_are(words, choices, capsys):
    assert status(*words.split()) == 2
    assert choices in capsys.readouterr().err


@pytest.mark.parametrize(
    'words',
    [
        'evaluate bag town.vprmap bag --temporal foo',
        'evaluate bag town.vprmap bag --odometry',
        'evaluate dataset folder --format frames',
        'query town.vprmap x.jpg --model foo',
        'query town.vprmap x.jpg --place-radius -3',
        'weights fetch foo',
        'map build town.vprmap bag --mount foo',
        'train distill recipe.yaml -o out --set foo',
        'bench node --places 0',
        'export foo -o x.onnx',
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_loaded(words):
    code = (
        'import sys; from vpr_ros.cli.main import main\n'
        f'try: main({words!r}.split())\n'
        'except SystemExit as end: assert end.code == 2\n'
        'loaded = {"torch", "matplotlib", "vpr_ros.describe.describer"} & set(sys.modules)\n'
        'sys.exit(f"imported {loaded}" if loaded else 0)'
    )
    run = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(
    ('words', 'code', 'kind'),
    [
        ('map info none.vprmap --json', 1, 'MapMissingError'),
        ('map info --json', 2, 'MissingParameter'),
        ('map recode none.vprmap --storage foo --json', 2, 'BadParameter'),
    ],
)
def test_failures_are_in_the_json(words, code, kind, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert status(*words.split()) == code
    out, err = capsys.readouterr()
    error = json.loads(out)['error']
    assert error['type'] == kind
    assert error['message'] in err


@pytest.mark.parametrize('command', [pytest.param(c, id=name) for name, c in every_command()])
def test_every_command_prints_json_and_has_the_same_flag_for_it(command):
    (option,) = [each for each in command.params if '--json' in each.opts]
    assert option.is_flag


def test_a_name_of_an_option_means_one_thing():
    helps = {}
    for _, command in every_command():
        for option in command.params:
            for name in {'--json', '--session', '--angle'} & set(option.opts):
                helps.setdefault(name, set()).add(option.help)
    assert {name: len(texts) for name, texts in helps.items()} == {
        '--json': 1,
        '--session': 2,  # any number of a map, or the one that a server deletes
        '--angle': 1,
    }


def test_folder_formats_tolerances_and_keyframes_have_one_name_each():
    options = {
        name: {word for option in command.params for word in option.opts}
        for name, command in every_command()
    }
    assert not set().union(*options.values()) & {'--layout', '--threshold', '--distance'}
    tolerant = {name for name, words in options.items() if '--tolerance' in words}
    judging = {f'vpr evaluate {what}' for what in ('bag', 'dataset', 'lint', 'loops', 'stress')}
    assert tolerant == {*judging, 'vpr calibrate', 'vpr train adapt'}
    for command in ('map import', 'evaluate dataset', 'evaluate lint'):
        assert '--format' in options[f'vpr {command}']
    for command in ('map build', 'map import', 'evaluate loops'):
        assert {'--keyframe-distance', '--keyframe-angle'} <= options[f'vpr {command}']


@pytest.mark.parametrize('command', [pytest.param(c, id=name) for name, c in every_command()])
def test_usage_names_arguments_in_capitals(command):
    with command.make_context('vpr', [], resilient_parsing=True) as context:
        usage = command.get_usage(context)
    assert usage.removeprefix('Usage: vpr').isupper()


def test_the_help_tells_the_exit_statuses(capsys):
    assert status('--help') == 0
    assert (
        '2 for mistakes in the arguments, 130 after Ctrl-C, 1 for every other failure'
        in capsys.readouterr().out
    )


def messages(tree):
    """Yield strings of several words that are no docstrings."""
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    notes = {
        id(statement.value)
        for node in ast.walk(tree)
        if isinstance(node, documented)
        for statement in node.body
        if isinstance(statement, ast.Expr)
    }
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and ' ' in text.strip() and id(node) not in notes:
            yield node


def test_libraries_name_no_options_of_the_command_line():
    found = [
        f'{path.relative_to(PACKAGE)}:{text.lineno}: {text.value}'
        for path in sorted(PACKAGE.rglob('*.py'))
        if 'cli' not in path.relative_to(PACKAGE).parts
        for text in messages(ast.parse(path.read_text(encoding='utf-8')))
        if FLAG.search(text.value)
    ]
    assert not found


def test_an_option_given_several_times_is_said_to_take_its_thing_not_a_list():
    bare = [
        f'{name} {option.opts[0]}'
        for name, command in every_command()
        for option in command.params
        if option.opts[0].startswith('-') and option.multiple and not option.metavar
    ]
    # Those of choices show the choices.
    assert bare == ['vpr bench describe --backend', 'vpr bench describe --precision']
