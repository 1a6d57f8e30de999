# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros.geometry import GeoPoint
from vpr_ros.inputs.poses.fix_agreement import Fix, FixAgreement

SECOND = 10**9
DEGREE = 111_200.0
"""Metres of latitude, about."""


def fix(seconds, metres):
    return Fix(round(seconds * SECOND), GeoPoint(48 + metres / DEGREE, 11.6))


def believed(*fixes, finish=True):
    agreement = FixAgreement()
    passed = [passed for each in fixes for passed in agreement.add(each)]
    return passed + (agreement.finish() if finish else [])


def drive(begin, seconds=10, rate=1.0, speed=1.5):
    return [fix(begin + i / rate, speed * i / rate) for i in range(round(seconds * rate))]


@pytest.mark.parametrize('rate', [0.2, 1, 10])
@pytest.mark.parametrize('speed', [0, 1.5, 33])
def test_every_fix_of_a_drive_is_passed_on_in_order(rate, speed):
    fixes = drive(0, 60, rate, speed)
    assert believed(*fixes, finish=False) == fixes


@pytest.mark.parametrize('bad', [[300], [300, 290], [5000, 300, 120], [300, -300, 900, -50_000]])
def test_a_cold_start_is_left_out_and_told(bad, caplog):
    start, good = [fix(i, metres) for i, metres in enumerate(bad)], drive(len(bad))
    assert believed(*start, *good) == good
    assert f'{len(bad)} fixes left out: later ones contradict them' in caplog.text


def test_a_false_start_that_lasts_is_told_as_a_jump(caplog):
    start, good = [fix(i, 400) for i in range(5)], drive(5)
    assert believed(*start, *good) == start + good
    assert 'the fixes jump by 400 m: those before or after are wrong' in caplog.text


def test_an_outlier_on_the_way_is_left_out(caplog):
    before, after = drive(0)[:5], drive(0)[6:]
    assert believed(*before, fix(5, 900), *after) == before + after
    assert '1 fixes left out' in caplog.text


def test_a_drive_goes_on_after_a_tunnel():
    before, after = drive(0, speed=25), [fix(100 + i, 2500 + 25 * i) for i in range(5)]
    assert believed(*before, *after) == before + after


@pytest.mark.parametrize('count', [0, 1, 2])
def test_few_fixes_are_passed_on_at_the_end(count):
    assert believed(*drive(0)[:count]) == drive(0)[:count]


def test_a_clock_that_is_set_back_begins_anew():
    fixes = drive(1000)
    again = [fix(i, 5000 + i) for i in range(5)]
    assert believed(*fixes, *again) == fixes + again


@given(st.lists(st.tuples(st.integers(0, 10**11), st.floats(-1e5, 1e5)), max_size=120))
def test_nothing_is_invented_or_passed_on_twice(values):
    fixes = [Fix(stamp, GeoPoint(48 + metres / DEGREE, 11.6)) for stamp, metres in values]
    passed = [id(each) for each in believed(*fixes)]
    places = {id(each): i for i, each in enumerate(fixes)}
    assert [places[each] for each in passed] == sorted({places[each] for each in passed})
