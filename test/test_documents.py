# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import json
import os
import tracemalloc

import hostile_documents
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from vpr_ros.documents import DocumentError, json_of, read_json, read_yaml, yaml_of
from vpr_ros.errors import VprError, shown

LIMIT = 50 << 20
"""Bytes that refusing a bomb may take."""


@contextlib.contextmanager
def in_little_memory():
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < LIMIT
    finally:
        tracemalloc.stop()


@pytest.mark.timeout(20)
@pytest.mark.parametrize('text', hostile_documents.YAML.values(), ids=hostile_documents.YAML)
def test_hostile_yaml_is_refused_soon_and_in_words(text):
    with in_little_memory(), pytest.raises(DocumentError) as refused:
        yaml_of(text)
    assert 10 < len(str(refused.value)) < 1000


@pytest.mark.timeout(20)
@pytest.mark.parametrize('text', hostile_documents.JSON.values(), ids=hostile_documents.JSON)
def test_hostile_json_is_refused_soon_and_in_words(text):
    with in_little_memory(), pytest.raises(DocumentError) as refused:
        json_of(text)
    assert 10 < len(str(refused.value)) < 1000


_MARKS = ': ', '- ', '? ', '&x ', '<<: ', '!!int ', '  ', '\t', '\n', '---\n'
YAML_PARTS = st.sampled_from(
    [*_MARKS, *'[]{},#~!|>%a"\':-?', '0x', '1:2', '.inf', '2020-13-01', '&x', '*x', '!!int']
)


@given(st.lists(YAML_PARTS | st.text(max_size=3), max_size=30).map(''.join))
@example('!!timestamp x')
@example('{? [a] : b}')
def test_any_text_is_yaml_or_refused(text):
    with contextlib.suppress(DocumentError):
        yaml_of(text)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=['Cs'])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=['Cs'])), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_written_is_read(value):
    assert json_of(json.dumps(value)) == value
    assert yaml_of(yaml.safe_dump(value)) == value


@given(st.text(max_size=20))
def test_any_text_is_json_or_refused(text):
    with contextlib.suppress(DocumentError):
        json_of(text)


def test_anchors_and_merges_that_spare_writing_are_read():
    text = 'base: &base {a: 1, b: [2, 3]}\nother: {<<: *base, a: 4}\nlist: [*base, *base]\n'
    content = yaml_of(text)
    assert content['other'] == {'a': 4, 'b': [2, 3]}
    assert content['list'] == [content['base']] * 2


def test_file_that_is_too_large_is_refused(tmp_path):
    path = tmp_path / 'large.yaml'
    path.write_text('[' + '1,' * 1000 + ']')
    assert len(read_yaml(path)) == 1000
    with pytest.raises(DocumentError, match='too large'):
        read_yaml(path, most_bytes=1000)
    with pytest.raises(DocumentError, match='too large'):
        read_json(path, most_bytes=1000)


@pytest.mark.parametrize('read', [read_yaml, read_json])
def test_file_that_cannot_be_read_is_refused_with_the_reason(tmp_path, read):
    with pytest.raises(DocumentError, match='No such file'):
        read(tmp_path / 'absent')
    with pytest.raises(DocumentError, match='directory'):
        read(tmp_path)
    os.mkfifo(tmp_path / 'pipe')
    with pytest.raises(DocumentError, match='no file'):
        read(tmp_path / 'pipe')
    (tmp_path / 'binary').write_bytes(b'\xff\xfe\x00')
    with pytest.raises(DocumentError, match='no text'):
        read(tmp_path / 'binary')


NESTED = [[]]
for _ in range(200):
    NESTED = [NESTED, NESTED]
ANY_SIZE = {
    'nested': NESTED,
    'nested in a mapping': {'k': NESTED},
    'text': 'x' * 10**6,
    'bytes': b'x' * 10**6,
    'integer': 10**5000,
    'integer in a mapping': {1: 10**5000},
    'list': list(range(10**5)),
}


@pytest.mark.parametrize('value', ANY_SIZE.values(), ids=list(ANY_SIZE))
def test_value_of_any_size_is_shown_shortly(value):
    assert len(shown(value)) < 500


def test_value_that_would_change_a_terminal_is_shown_as_its_code():
    assert shown('\x1b[2J\u202egnp') == r"'\x1b[2J\u202egnp'"


def test_message_of_any_length_is_cut():
    assert len(str(VprError('x' * 10**6))) < 3000
    assert str(VprError('short')) == 'short'
