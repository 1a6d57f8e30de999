# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The ``vpr`` command as a whole: what it loads, and how it reports what went wrong."""

from __future__ import annotations

import json
import subprocess
import sys
import types
from typing import Annotated

import pytest
import typer

import vpr_ros
from vpr_ros.cli import main as cli
from vpr_ros.errors import MapError


def add_part(monkeypatch, function, *, extra=''):
    """Make ``vpr probe`` run a function."""
    module = types.ModuleType('probe_part')
    module.command = function
    monkeypatch.setitem(sys.modules, 'probe_part', module)
    monkeypatch.setitem(cli.PARTS, 'probe', cli.Part('probe_part:command', 'A probe.', extra))


def test_help_names_every_part(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(['--help'])
    assert end.value.code == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in cli.PARTS)


def test_help_imports_no_part_and_nothing_heavy():
    code = (
        'import sys; from vpr_ros.cli.main import PARTS, main\n'
        'try: main(["--help"])\n'
        'except SystemExit: pass\n'
        'unwanted = {"torch", "numpy", "cv2", "faiss", "matplotlib", "rclpy"}\n'
        'unwanted |= {part.target.partition(":")[0] for part in PARTS.values()}\n'
        'unwanted &= set(sys.modules)\n'
        'sys.exit(f"imported {unwanted}" if unwanted else 0)'
    )
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_version_is_the_package_version(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(['--version'])
    assert end.value.code == 0
    assert capsys.readouterr().out.split() == ['vpr_ros', vpr_ros.__version__]


def test_unknown_part_is_a_usage_error(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(['no-such-part'])
    assert end.value.code == 2
    assert 'no-such-part' in capsys.readouterr().err


def test_function_runs_as_a_command_with_its_options(capsys, monkeypatch):
    def command(word: str, *, loud: bool = False) -> None:
        typer.echo(word.upper() if loud else word)

    add_part(monkeypatch, command)
    with pytest.raises(SystemExit) as end:
        cli.main(['probe', 'here', '--loud'])
    assert end.value.code == 0
    assert capsys.readouterr().out == 'HERE\n'


def test_group_runs_its_commands(capsys, monkeypatch):
    group = typer.Typer()
    group.command('say')(lambda: typer.echo('said'))
    group.command('other')(lambda: None)
    add_part(monkeypatch, group)
    with pytest.raises(SystemExit) as end:
        cli.main(['probe', 'say'])
    assert end.value.code == 0
    assert capsys.readouterr().out == 'said\n'


@pytest.mark.parametrize(
    ('error', 'message'),
    [
        (MapError('the map is damaged'), 'the map is damaged'),
        (FileNotFoundError(2, 'No such file', 'town.vprmap'), 'town.vprmap: No such file'),
    ],
)
def test_users_error_is_one_line_and_exit_status_1(capsys, monkeypatch, error, message):
    def command() -> None:
        raise error

    add_part(monkeypatch, command)
    assert cli.main(['probe']) == 1
    shown = capsys.readouterr()
    assert shown.err == f'vpr: {message}\n'
    assert not shown.out


def test_a_fault_of_the_package_is_json_too_before_its_traceback(capsys, monkeypatch):
    def command(as_json: Annotated[bool, typer.Option('--json')] = False) -> None:
        raise ZeroDivisionError('integer division')

    add_part(monkeypatch, command)
    with pytest.raises(ZeroDivisionError):
        cli.main(['probe', '--json'])
    error = json.loads(capsys.readouterr().out)['error']
    assert error == {
        'type': 'ZeroDivisionError',
        'message': "ZeroDivisionError('integer division')",
    }


def test_an_interrupt_is_told_and_has_the_exit_status_of_shells(capsys, monkeypatch):
    def command(as_json: Annotated[bool, typer.Option('--json')] = False) -> None:
        raise KeyboardInterrupt

    add_part(monkeypatch, command)
    with pytest.raises(SystemExit) as end:
        cli.main(['probe', '--json'])
    assert end.value.code == 130
    shown = capsys.readouterr()
    assert shown.err == 'vpr: stopped\n'
    assert json.loads(shown.out)['error'] == {'type': 'KeyboardInterrupt', 'message': 'stopped'}


def test_an_interrupt_while_a_part_is_imported_is_told_alike(capsys, monkeypatch):
    def interrupted(_name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.importlib, 'import_module', interrupted)
    with pytest.raises(SystemExit) as end:
        cli.main(['map', 'info', 'town.vprmap'])
    assert end.value.code == 130
    assert capsys.readouterr().err == 'vpr: stopped\n'


def test_debug_shows_the_traceback(monkeypatch):
    def command() -> None:
        raise MapError('the map is damaged')

    add_part(monkeypatch, command)
    monkeypatch.setenv('VPR_DEBUG', '1')
    with pytest.raises(MapError):
        cli.main(['probe'])


@pytest.mark.parametrize(
    ('missing', 'extra', 'advice'),
    [
        ('matplotlib.pyplot', 'eval', "pip install 'vpr_ros[eval]'"),
        ('cv2', '', 'pip install opencv-python-headless'),
        ('rclpy', '', 'install/setup.bash'),
        ('vpr_ros.msg', '', 'install/setup.bash'),
    ],
)
def test_missing_package_is_named_with_what_to_do(capsys, monkeypatch, missing, extra, advice):
    def command() -> None:
        raise ModuleNotFoundError(name=missing)

    add_part(monkeypatch, command, extra=extra)
    assert cli.main(['probe']) == 1
    assert advice in capsys.readouterr().err


def test_mistake_of_ours_is_not_disguised(monkeypatch):
    def command() -> None:
        raise ModuleNotFoundError(name='vpr_ros.no_such_module')

    add_part(monkeypatch, command)
    with pytest.raises(ModuleNotFoundError):
        cli.main(['probe'])


@pytest.mark.parametrize('name', cli.PARTS)
def test_every_part_answers_help(capsys, name):
    with pytest.raises(SystemExit) as end:
        cli.main([name, '--help'])
    assert end.value.code == 0
    assert name in capsys.readouterr().out
