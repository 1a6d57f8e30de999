# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from math import comb

import numpy as np
import pytest
from evaluation_sample import QUERIES, evaluation, query
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros.errors import VprError
from vpr_ros.evaluation import Tolerance
from vpr_ros.evaluation.compare import compare, load_run, mcnemar
from vpr_ros.evaluation.report import render_comparison
from vpr_ros.evaluation.words import change_verdict


def saved(path, queries=QUERIES, **setup):
    evaluation(queries, **setup).save(path)
    return load_run(path)


@given(st.integers(0, 60), st.integers(0, 60))
def test_probability_equals_the_sum_of_the_binomial_tails(gained, lost):
    changed = gained + lost
    tails = sum(
        comb(changed, i) for i in range(changed + 1) if abs(2 * i - changed) >= abs(gained - lost)
    )
    assert mcnemar(gained, lost) == pytest.approx(min(1.0, tails / 2**changed))
    assert mcnemar(gained, lost) == mcnemar(lost, gained)


def test_probability_by_hand_and_for_many():
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(0, 5) == 2 / 32
    assert mcnemar(10, 2) == pytest.approx(0.03857, abs=1e-5)
    assert mcnemar(5_000, 5_000) == pytest.approx(1.0, abs=0.01)
    assert mcnemar(6_000, 5_000) < 1e-20


def test_what_was_gained_and_lost_is_listed(tmp_path):
    other = list(QUERIES)
    other[0], other[1] = query(0, 0.0, [15]), query(1, 1.0, [11])
    found = compare(saved(tmp_path / 'a.json'), saved(tmp_path / 'b.json', tuple(other)))
    assert [found.first.queries[row] for row in found.gained] == ['1 ns']
    assert [found.first.queries[row] for row in found.lost] == ['0 ns']
    assert found.first.answer[0] == 'place 10'
    assert found.p_value == 1.0
    data = found.to_json()
    assert data['gained'] == ['1 ns']
    assert data['runs'][0]['recall'] == {'1': 2 / 6, '5': 3 / 6}
    page = render_comparison(found)
    assert change_verdict(found) in page
    assert 'place 15' in page


def test_a_run_does_not_differ_from_itself(tmp_path):
    run = saved(tmp_path / 'a.json')
    found = compare(run, run)
    assert not len(found.gained)
    assert not len(found.lost)
    assert 'No difference: for each of the 6 queries' in change_verdict(found)


def test_recall_is_that_of_the_evaluation(tmp_path):
    run, summary = saved(tmp_path / 'a.json'), evaluation().summary
    assert run.recall == summary.recall
    np.testing.assert_array_equal(run.curve.recall, summary.curve.recall)


def test_other_queries_are_refused(tmp_path):
    first = saved(tmp_path / 'a.json')
    with pytest.raises(VprError, match=r'different queries.*6 .*5 .*5 of them the same'):
        compare(first, saved(tmp_path / 'b.json', QUERIES[1:]))
    with pytest.raises(VprError, match='though their names are the same'):
        compare(first, saved(tmp_path / 'b.json', query='night'))
    moved = (query(0, 0.1, [10, 15]), *QUERIES[1:])
    with pytest.raises(VprError, match='other true poses'):
        compare(first, saved(tmp_path / 'b.json', moved))


def test_other_rules_are_refused(tmp_path):
    other = saved(tmp_path / 'b.json', tolerance=Tolerance(2.0))
    with pytest.raises(VprError, match='different rules'):
        compare(saved(tmp_path / 'a.json'), other)


def test_runs_without_judged_queries_are_refused(tmp_path):
    run = saved(tmp_path / 'a.json', (query(0, None, [10]),))
    with pytest.raises(VprError, match='no query that can be judged'):
        compare(run, run)


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('{', 'cannot be read as JSON'),
        ('[]', 'not an evaluation'),
        ('{"schema": "x"}', 'not an evaluation'),
    ],
)
def test_files_that_are_no_results_are_refused_with_their_path(tmp_path, text, words):
    path = tmp_path / 'a.json'
    path.write_text(text)
    with pytest.raises(VprError, match=rf'a\.json.*{words}'):
        load_run(path)


def test_a_method_belongs_to_data_sets(tmp_path):
    evaluation().save(tmp_path / 'a.json')
    with pytest.raises(VprError, match='no method float'):
        load_run(tmp_path / 'a.json', 'float')
