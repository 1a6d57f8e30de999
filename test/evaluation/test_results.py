# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from evaluation_sample import QUERIES, evaluation, query
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros.errors import VprError
from vpr_ros.evaluation import Evaluation
from vpr_ros.geometry import Pose

if TYPE_CHECKING:
    from pathlib import Path

answers = st.builds(
    lambda stamp, x, ids, status, p: query(
        stamp, x, ids, status=status, probabilities=[p] * len(ids)
    ),
    st.integers(0, 2**62),
    st.none() | st.floats(-100, 100),
    st.lists(st.integers(10, 19), max_size=4),
    st.sampled_from(['ACCEPTED', 'AMBIGUOUS']),
    st.floats(0, 1) | st.just(float('nan')),
)


@given(st.lists(answers, max_size=5))
def test_json_round_trip_keeps_everything(queries: list) -> None:
    first = evaluation(tuple(queries))
    text = first.dumps()
    again = Evaluation.from_json(json.loads(text))
    assert again.dumps() == text
    assert again.setup == first.setup
    for a, b in zip(first.queries, again.queries, strict=True):
        np.testing.assert_array_equal(a.candidates.poses, b.candidates.poses)


def test_file_round_trip(tmp_path: Path) -> None:
    posed = dataclasses.replace(QUERIES[0], pose=Pose.planar(0.1, 0.2, 0.3))
    path = tmp_path / 'e.json'
    evaluation((posed, *QUERIES[1:])).save(path)
    again = Evaluation.load(path)
    assert again.queries[0].pose is not None
    assert again.queries[0].pose.yaw == pytest.approx(0.3)
    assert again.summary.recall == evaluation().summary.recall


def test_json_is_strict_and_names_its_figures() -> None:
    def refuse(name: str) -> None:
        pytest.fail(f'{name} is not JSON')

    data = json.loads(evaluation(()).dumps(), parse_constant=refuse)
    assert data['schema_version'] == 1
    assert data['summary']['recall'] == {'1': None, '5': None}


@pytest.mark.parametrize(
    ('change', 'said'),
    [
        ({'schema': 'other'}, 'not an evaluation'),
        ({'schema_version': 99}, 'version 99'),
        ({'queries': [{}]}, 'damaged'),
        ({'places': None}, 'damaged'),
        ({'queries': [{**evaluation().to_json()['queries'][0], 'timings': []}]}, 'damaged'),
    ],
)
def test_foreign_newer_and_damaged_files_are_refused_with_the_reason(
    change: dict, said: str
) -> None:
    with pytest.raises(VprError, match=said):
        Evaluation.from_json({**evaluation().to_json(), **change})


def test_missing_and_unparsable_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(VprError, match='cannot be read'):
        Evaluation.load(tmp_path / 'none.json')
    (tmp_path / 'cut.json').write_text('{"schema": ')
    with pytest.raises(VprError, match='cannot be read'):
        Evaluation.load(tmp_path / 'cut.json')


def test_candidate_lists_of_unequal_length_are_damage() -> None:
    data = evaluation().to_json()
    data['queries'][0]['hamming'] = [1]
    with pytest.raises(VprError, match='differ in length'):
        Evaluation.from_json(data)
