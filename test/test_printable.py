# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros.errors import MapError
from vpr_ros.printable import as_cell, in_a_line, printable

HOSTILE = '\x1b]0;owned\x07\x1b[2J\r\x9b31m\u202egnp.\u2066\x00\udcff\u2028'


@given(st.text() | st.text(st.characters(categories=['Cc', 'Cs', 'Cf', 'Zl', 'Zp'])))
def test_no_text_controls_a_terminal(text):
    shown = printable(text)
    assert not {unicodedata.category(each) for each in set(shown) - {*'\n\t'}} & {'Cc', 'Cs'}
    shown.encode()
    assert '\n' not in in_a_line(text)


@pytest.mark.parametrize('text', ['plain', 'Straße, 20 °C', '東京\u3000駅', '🤖', 'a\nb\tc', ''])
def test_text_of_people_stays_as_it_is(text):
    assert printable(text) == text


def test_what_controls_a_terminal_is_shown_as_its_code():
    assert printable(HOSTILE) == (
        r'\x1b]0;owned\x07\x1b[2J\r\x9b31m\u202egnp.\u2066\x00\udcff\u2028'
    )
    assert in_a_line('a\nb') == r'a\nb'


def test_messages_of_errors_control_no_terminal():
    assert str(MapError(f'the frame {HOSTILE}')) == f'the frame {printable(HOSTILE)}'


@pytest.mark.parametrize('text', ['=cmd()', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1'])
def test_no_cell_is_a_formula(text):
    assert as_cell(text) == f"'{text}"
    assert as_cell(f'x{text}') == f'x{text}'
