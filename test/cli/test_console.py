# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import pytest
from rich.console import Console
from rich.table import Table

from vpr_ros.cli.console import (
    console,
    echo,
    fits,
    print_json,
    progress_bar,
    progress_steps,
    require_folders,
    show_table,
    table_of,
)
from vpr_ros.errors import VprError

LONG = '/tmp/' + 'a-long-folder/' * 15 + 'town [night].vprmap'


@pytest.fixture(autouse=True)
def _narrow(monkeypatch):
    monkeypatch.setenv('COLUMNS', '40')


def test_lines_for_a_program_are_whole(capsys):
    console().print(f'{LONG}: ACCEPTED, {"because " * 30}')
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f'{LONG}: ACCEPTED')


def test_tables_for_a_program_are_whole_and_below_their_title(capsys):
    table = Table('path', 'similarity')
    table.add_row(LONG, '0.123')
    show_table(console(), f'places of {LONG}', table)
    title, *rows = capsys.readouterr().out.splitlines()
    assert title == f'places of {LONG}'
    assert any(LONG in row and '0.123' in row for row in rows)


def test_what_is_printed_controls_no_terminal(capsys):
    hostile = 'frame \x1b[2J\x1b]0;owned\x07 \u202egnp'
    table = Table('name')
    table.add_row(hostile)
    console().print(table)
    show_table(console(stderr=True), hostile, table)
    console().print(hostile, style='bold')
    echo(hostile)
    print_json({'frame': hostile})
    with progress_bar(hostile) as tell:
        tell(1, 2)
    told = ''.join(capsys.readouterr())
    assert told.count('gnp') == 6
    assert not set(told) & {'\x1b', '\x07', '\u202e'}


@pytest.mark.parametrize('words', [['map', 'info', LONG], ['map', 'info', LONG, '--foo']])
def test_errors_for_a_program_are_whole(words):
    run = subprocess.run(
        [sys.executable, '-m', 'vpr_ros.cli.main', *words],
        env=os.environ | {'COLUMNS': '40'},
        capture_output=True,
        text=True,
        check=False,
    )
    told = run.stderr.splitlines()[-1]
    assert told.startswith('vpr: ')
    assert LONG in told or '--foo' in told


def test_a_terminal_without_a_character_is_shown_its_code():
    program = "import sys; from vpr_ros.cli.main import main\ntry: main(['--help'])\n"
    program += "except SystemExit: print('45' + chr(176))"
    run = subprocess.run(
        [sys.executable, '-c', program],
        env=os.environ | {'PYTHONIOENCODING': 'ascii'},
        capture_output=True,
        check=True,
    )
    assert run.stdout.endswith(b'45\\xb0\n')


def test_json_is_strict(capsys):
    print_json({'share': float('nan'), 'list': [float('inf'), 1.5]})
    assert json.loads(capsys.readouterr().out) == {'share': None, 'list': [None, 1.5]}


def test_a_file_without_its_folder_is_refused(tmp_path):
    require_folders(None, tmp_path / 'results.json')
    with pytest.raises(VprError, match='there is no folder'):
        require_folders(tmp_path / 'none' / 'results.json')
    with pytest.raises(VprError, match='is a folder'):
        require_folders(tmp_path)


def test_a_table_aligns_texts_left_and_figures_right(capsys):
    table = table_of('search', 'R@1', left=('search',), box=None)
    table.add_row('a', '1')
    table.add_row('binary', '100.0')
    console().print(table)
    assert capsys.readouterr().out.splitlines()[1:] == [
        ' a           1 ',
        ' binary  100.0 ',
    ]


def test_steps_follow_each_other_and_nothing_is_drawn_for_a_program(capsys):
    with progress_steps('town') as tell:
        tell('database', 1, 2)
        tell('queries', 0, 0)
        tell('queries', 3, 4)
    with progress_bar('map') as tell:
        tell(1, 2)
    assert capsys.readouterr().out == ''


def test_figures_stay_whole_on_a_narrow_terminal_and_texts_are_folded():
    table = table_of('picture', 'similarity', left=('picture',), box=None)
    table.add_row('a_picture_with_a_long_name.jpg', '0.123')
    narrow, wide = (Console(file=io.StringIO(), width=width) for width in (24, 80))
    narrow.print(table)
    shown = narrow.file.getvalue()
    assert 'similarity' in shown
    assert '0.123' in shown
    assert '\N{HORIZONTAL ELLIPSIS}' not in shown
    assert not fits(narrow, table)
    assert fits(wide, table)
