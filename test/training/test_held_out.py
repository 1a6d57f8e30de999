# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros.training.held_out import LEVEL, AdaptationError, HeldOut


def _found(before, after):
    before, after = (np.array([c == '1' for c in text]) for text in (before, after))
    return HeldOut.judged(before, after, after)


def test_images_in_a_row_that_change_alike_are_one_case():
    found = _found('0001110011', '1111110100')
    assert (found.won, found.lost) == (2, 1)
    assert (found.before, found.after) == (0.5, 0.7)


@pytest.mark.parametrize(
    ('won', 'lost', 'chance'), [(5, 0, 1 / 32), (4, 0, 1 / 16), (7, 1, 9 / 256), (1, 1, 0.75)]
)
def test_chance_is_that_of_the_exact_sign_test(won, lost, chance):
    before = '01' * won + '11' * lost
    after = '11' * won + '01' * lost
    assert _found(before, after).chance == pytest.approx(chance)


@pytest.mark.parametrize(
    ('before', 'after', 'said'),
    [
        ('1111', '1111', 'is not better'),
        ('1111', '1101', 'is not better'),
        ('0101', '1111', 'comes by chance in 25% of cases'),
        ('000000000000', '111111111111', 'comes by chance in 50% of cases'),
        ('0101010101110', '1111111111001', 'comes by chance in 6% of cases'),
    ],
)
def test_a_gain_that_cannot_be_told_from_chance_is_refused(before, after, said):
    with pytest.raises(AdaptationError, match=said):
        _found(before, after).require_better()


def test_a_gain_beyond_chance_is_accepted():
    _found('0101010101', '1111111111').require_better()


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_only_a_higher_recall_with_more_won_than_lost_is_accepted(pairs):
    before, after = (np.array(each) for each in zip(*pairs, strict=True))
    found = HeldOut.judged(before, after, after)
    try:
        found.require_better()
    except AdaptationError:
        return
    assert found.after > found.before
    assert found.won - found.lost >= 5
    assert found.chance < LEVEL
