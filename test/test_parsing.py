# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from vpr_ros.documents import DocumentError
from vpr_ros.parsing import parse


@dataclass(frozen=True)
class Inner:
    number: float
    whole: int = 0

    def __post_init__(self) -> None:
        if self.whole < 0:
            msg = 'whole is less than nothing'
            raise ValueError(msg)


@dataclass(frozen=True)
class Outer:
    name: str
    inner: Inner | None = None
    many: list[Inner] = field(default_factory=list)
    named: dict[str, tuple[float, float]] = field(default_factory=dict)
    kind: Literal['32', 'half'] = 'half'
    anything: Any = None


def test_plain_data_become_dataclasses():
    data = {
        'name': 'n',
        'inner': {'number': '1e-3'},
        'many': [{'number': 1, 'whole': 2}],
        'named': {'a': [1, 2.5]},
        'kind': 32,
        'anything': [None],
    }
    assert parse(Outer, data) == Outer(
        'n', Inner(0.001), [Inner(1.0, 2)], {'a': (1.0, 2.5)}, '32', [None]
    )


@pytest.mark.parametrize(
    ('data', 'said'),
    [
        (None, 'the content must be a mapping, not None'),
        ([], 'the content must be a mapping'),
        ({}, 'name is missing'),
        ({'name': 7}, 'name must be text, not 7'),
        ({'name': None}, 'name must be text'),
        ({'name': 'n', 'nmae': 1}, 'unknown key nmae; there are name, inner'),
        ({'name': 'n', 'x' * 10**6: 1}, 'unknown key x'),
        ({'name': 'n', 'inner': {'number': float('nan')}}, 'inner.number must be a number'),
        ({'name': 'n', 'inner': {'number': 'inf'}}, 'inner.number must be a number'),
        ({'name': 'n', 'inner': {'number': 10**400}}, 'inner.number must be a number'),
        ({'name': 'n', 'inner': {'number': True}}, 'inner.number must be a number'),
        ({'name': 'n', 'inner': {'number': 1, 'whole': 1.5}}, 'inner.whole must be a whole'),
        ({'name': 'n', 'inner': {'number': 1, 'whole': -1}}, 'inner: whole is less than nothing'),
        ({'name': 'n', 'many': {}}, 'many must be a list'),
        ({'name': 'n', 'many': [{'number': 1}, 2]}, 'many.1 must be a mapping'),
        ({'name': 'n', 'named': {'a': [1]}}, 'named.a must be a list of 2'),
        ({'name': 'n', 'named': {'a': [1, [[[[]]]]]}}, 'named.a.1 must be a number'),
        ({'name': 'n', 'kind': 'whole'}, 'kind must be one of 32, half'),
        ({'name': 'n', 'kind': [[]] * 10**6}, 'kind must be one of 32, half'),
    ],
)
def test_data_of_another_form_are_refused_by_their_key(data, said):
    with pytest.raises(DocumentError) as refused:
        parse(Outer, data)
    assert str(refused.value).startswith(said)
    assert len(str(refused.value)) < 600
