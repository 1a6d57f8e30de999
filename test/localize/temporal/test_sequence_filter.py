# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Beliefs on a street of places, where some pictures deceive."""

import sys
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from calibration_sample import PLACES, sample_calibration
from pictures import blocks

from vpr_ros.geometry import Pose
from vpr_ros.localize import FILTERS, DecisionConfig, Localizer, decide, make_filter
from vpr_ros.search import Candidates

COUNT, SPACING, SECOND = 60, 2.0, 10**9
RADIUS = 3.0
PICTURE = blocks()


def street(poses=True, count=COUNT):
    """Places 2 m apart along x, a second from each to the next."""
    row = np.arange(count)
    columns = np.full((count, 7), np.nan)
    if poses:
        columns = np.column_stack([SPACING * row, *np.zeros((5, count)), np.ones(count)])
    return SimpleNamespace(
        ids=row + 1, sessions=np.ones(count, np.int64), stamps=row * SECOND, poses=columns
    )


def looks(place, places, deceiving=None):
    """Candidates of a frame at a place (none if off the map), or one that looks like another."""
    rng = np.random.default_rng(0 if place is None else place)
    similarities = rng.normal(0.2, 0.05, len(places.ids))
    if place is not None:
        similarities[place if deceiving is None else deceiving] = 0.6
    order = np.argsort(-similarities)
    return Candidates(
        places.ids[order],
        similarities[order],
        np.full(len(order), -1),
        places.poses[order],
    )


def odometry(place):
    return Pose.planar(SPACING * place, 0, 0)


class Drive:
    """A filter fed along the street; remembers what it believed of the true place."""

    def __init__(self, kind, places=None, odometry=True):
        self.places = places or street()
        self.filter = make_filter(kind, lambda: self.places, PLACES)
        self._odometry = odometry
        self._stamp = 0
        self._travelled = 0.0

    def support(self, place, deceiving=None, moved=SPACING):
        """Return the support for the candidates of a frame."""
        self._stamp += SECOND
        self._travelled += moved
        candidates = looks(place, self.places, deceiving)
        pose = Pose.planar(self._travelled, 0, 0) if self._odometry else None
        return self.filter.update(self._stamp, candidates, RADIUS, pose)

    def see(self, place, deceiving=None, moved=SPACING):
        """Return (belief in the true place, id of what is believed most)."""
        support = self.support(place, deceiving, moved).places
        candidates = looks(place, self.places, deceiving)
        best = int(candidates.ids[support.argmax()])
        at = candidates.ids == (0 if place is None else place + 1)
        return float(support[at].sum()), best


@pytest.fixture(params=FILTERS)
def kind(request):
    return request.param


@pytest.mark.parametrize('guided', [True, False])
def test_one_deceiving_frame_is_not_believed(kind, guided):
    drive = Drive(kind, odometry=guided)
    for place in range(5, 20):
        drive.see(place)
    support = drive.support(20, deceiving=50)
    assert support.places.max() < 0.5
    belief, best = drive.see(21)
    assert belief > 0.9
    assert best == 22


def test_first_frame_is_judged_by_itself_and_those_after_it_are_not():
    places = street()
    candidates = Candidates(
        places.ids[:5], np.array([0.5, 0.4, 0.4, 0.3, 0.3]), np.full(5, 7), places.poses[:5]
    )
    calibration, config = sample_calibration(), DecisionConfig()
    localizer = Localizer(
        SimpleNamespace(describe=lambda images: [SimpleNamespace(descriptor=object())]),
        SimpleNamespace(search=lambda *_, **__: candidates),
        calibration=calibration,
        temporal=make_filter('sequence', lambda: places, PLACES),
    )

    def ask(place):
        frame = SimpleNamespace(stamp=place * SECOND, rgb=blocks(place), camera='')
        return localizer.localize(frame, odometry=odometry(place)).decision

    _, by_itself = decide(candidates, config, calibration)
    assert ask(1).reason == by_itself.reason
    assert 'by the temporal filter' in ask(2).reason


@pytest.mark.parametrize('guided', [True, False])
def test_belief_grows_while_frames_agree(kind, guided):
    drive = Drive(kind, odometry=guided)
    first, _ = drive.see(5)
    for place in range(6, 15):
        last, best = drive.see(place)
    assert last > max(first, 0.95)
    assert best == 15
    assert drive.filter.stage == (kind if guided else f'{kind}_without_odometry')


def test_robot_that_was_carried_away_is_found_again(kind):
    drive = Drive(kind)
    for place in range(5, 20):
        drive.see(place)
    found = [drive.see(place)[1] == place + 1 for place in range(40, 58)]
    assert not found[0]
    assert all(found[-3:])


def test_reset_forgets_the_frames_before(kind):
    drive, fresh = Drive(kind), Drive(kind)
    for place in range(5, 20):
        drive.see(place)
    drive.filter.reset()
    assert drive.see(40) == pytest.approx(fresh.see(40))


def test_nothing_is_believed_where_nothing_stands_out(kind):
    drive = Drive(kind)
    rng = np.random.default_rng(1)
    ids, poses = drive.places.ids, drive.places.poses
    for i in range(1, 20):
        similarities = np.sort(rng.uniform(0.1, 0.2, COUNT))[::-1]
        order = rng.permutation(COUNT)
        frame = Candidates(ids[order], similarities, np.full(COUNT, -1), poses[order])
        support = drive.filter.update(i * SECOND, frame, RADIUS, odometry(i)).places
    assert support.max() < 0.5


def test_standing_before_a_deceiving_wall_makes_nobody_surer(kind):
    drive = Drive(kind)
    for place in range(5, 15):
        drive.see(place)
    before, _ = drive.see(15, deceiving=50)
    for _ in range(30):
        after, _ = drive.see(15, deceiving=50, moved=0.0)
    assert after == before


def test_clock_that_goes_back_begins_anew(kind):
    drive, fresh = Drive(kind), Drive(kind)
    for place in range(5, 20):
        drive.see(place)
    drive._stamp = 0
    assert drive.see(40) == pytest.approx(fresh.see(40))


def test_places_without_poses_are_followed_in_their_order(kind):
    drive = Drive(kind, street(poses=False), odometry=False)
    for place in range(5, 20):
        drive.see(place)
    belief, best = drive.see(20)
    assert belief > 0.9
    assert best == 21


def test_filter_follows_a_map_that_grows(kind):
    drive = Drive(kind)
    for place in range(5, 10):
        drive.see(place)
    before, _ = drive.see(10)
    drive.places = street(count=COUNT + 5)
    belief, best = drive.see(11)
    assert best == 12
    assert belief >= before


def test_support_is_a_probability(kind):
    drive = Drive(kind)
    for place in [*range(5, 10), None, None, *range(30, 33)]:
        drive.see(place)
        candidates = looks(place, drive.places)
        drive._stamp += SECOND
        support = drive.filter.update(drive._stamp, candidates, RADIUS).places
        assert ((support >= 0) & (support <= 1)).all()


def test_image_judged_by_itself_neither_asks_nor_tells_the_filter():
    drive = Drive('sequence')
    for place in range(5, 15):
        drive.see(place)
    before = list(drive.filter._sights)
    localizer = Localizer(
        SimpleNamespace(describe=lambda images: [SimpleNamespace(descriptor=object())]),
        SimpleNamespace(search=lambda *_, **__: looks(40, drive.places)),
        calibration=sample_calibration(),
        temporal=drive.filter,
    )
    frame = SimpleNamespace(stamp=100 * SECOND, rgb=PICTURE, camera='')
    result = localizer.localize(frame, by_itself=True)
    assert 'by the temporal filter' not in result.decision.reason
    assert list(drive.filter._sights) == before


def test_frame_without_news_is_understood_though_the_map_has_grown(kind):
    drive = Drive(kind)
    for place in range(COUNT - 6, COUNT):
        drive.see(place)
    drive.places = street(count=COUNT + 5)
    belief, best = drive.see(COUNT - 1, moved=0.0)
    assert belief > 0.5
    assert abs(best - COUNT) <= 1


def test_without_odometry_frames_at_a_steady_pace_say_more_than_frames_at_any_pace():
    """Neighbours in time are neighbours on the map in one drive, and random in the other."""

    def mean(step):
        drive = Drive('sequence', odometry=False)
        rng = np.random.default_rng(4)
        beliefs = []
        for i in range(18):
            place = 5 + i + (int(rng.integers(-6, 7)) if step == 'wild' else 0)
            beliefs.append(drive.see(place)[0])
        return np.mean(beliefs[-9:])

    assert mean('steady') > 0.95
    assert mean('wild') < 0.7


@pytest.mark.parametrize('pace', [0.5, 1.0, 1.5])
def test_without_odometry_a_drive_at_another_pace_than_the_map_is_followed(pace):
    drive = Drive('sequence', odometry=False)
    for i in range(30):
        drive.see(round(5 + pace * i))
    belief, best = drive.see(round(5 + pace * 30))
    assert abs(best - 1 - (5 + pace * 30)) <= 1
    assert belief > 0.8


def without(places, gone):
    """A map in which some places were never mapped."""
    kept = np.setdiff1d(np.arange(len(places.ids)), gone)
    columns = {
        name: getattr(places, name)[kept] for name in ('ids', 'sessions', 'stamps', 'poses')
    }
    return SimpleNamespace(**columns)


def looks_about(place, places):
    """Candidates of a frame whose picture fades into those of the places around it."""
    x = np.asarray(places.poses[:, 0])
    similarities = 0.2 + 0.6 * np.exp(-0.5 * ((x - SPACING * place) / 4.0) ** 2)
    similarities += np.random.default_rng(place).normal(0, 0.02, len(x))
    order = np.argsort(-similarities)
    unknown = np.full(len(order), -1)
    return Candidates(places.ids[order], similarities[order], unknown, places.poses[order])


def along(places, drive, guided):
    """Return for each place of a drive the support, and the error of the best, metres."""
    by_images = make_filter('sequence', lambda: places, PLACES)
    for i, place in enumerate(drive):
        candidates = looks_about(place, places)
        pose = Pose.planar(SPACING * i, 0, 0) if guided else None
        support = by_images.update(i * SECOND, candidates, 5.0, pose)
        best = candidates.poses[support.best, 0]
        yield support.places[support.best], abs(best - SPACING * place)


def test_beyond_the_end_of_the_map_nothing_is_believed():
    places = without(street(), range(30, COUNT))
    found = list(along(places, range(10, 50), guided=True))
    assert all(support > 0.9 for support, _ in found[5:18])
    assert all(support < 0.9 for support, error in found if error > 5.0)


def test_a_gap_is_crossed_without_a_wrong_place():
    places = without(street(), range(20, 26))
    found = list(along(places, range(8, 45), guided=True))
    assert all(support < 0.9 for support, error in found if error > 5.0)
    assert all(support > 0.9 for support, _ in found[-10:])


def test_of_places_that_look_alike_the_one_whose_things_have_the_right_size_is_believed():
    drive = Drive('sequence')
    drive.support(20, deceiving=21)  # which puts the robot one place further on
    candidates = looks(21, drive.places)
    away = np.abs(candidates.poses[:, 0] - SPACING * 21)
    alike = replace(
        candidates,
        similarities=np.where(away < 3, 0.6, candidates.similarities),
        inliers=np.full(len(candidates), 200.0),
    )
    sized = replace(alike, deformations=np.clip(0.05 * away, 0.02, 1.0))
    for seen, believed in ((alike, 22), (sized, 21)):
        support = deepcopy(drive.filter).update(3 * SECOND, seen, RADIUS, odometry(2))
        assert seen.ids[support.best] == drive.places.ids[believed]


def test_poses_of_earlier_frames_agree_on_the_present_one():
    drive = Drive('sequence')
    for place in range(5, 15):
        drive.see(place)
    candidates = looks(15, drive.places)
    support = drive.filter.update(
        drive._stamp + SECOND, candidates, RADIUS, Pose.planar(drive._travelled + SPACING, 0, 0)
    )
    assert len(support.poses) >= 8
    np.testing.assert_allclose(support.poses[:, 0], SPACING * 15, atol=1e-6)
    # The longer ago, the less odometry is trusted: 5 % of the way.
    way = SPACING * np.arange(len(support.drifts), 0, -1)
    np.testing.assert_allclose(support.drifts, 0.05 * way)
    assert (np.diff(support.weights) > 0).all()


@pytest.mark.parametrize('absurd', [1e160, float('inf'), float('nan'), -1e9])
def test_absurd_odometry_is_passed_over_and_the_filter_goes_on(absurd):
    drive = Drive('sequence')
    for place in range(5, 15):
        drive.see(place)
    pose = Pose(np.array([absurd, 0.0, 0.0]), np.array([0.0, 0.0, 0.0, 1.0]))
    drive._stamp += SECOND
    support = drive.filter.update(drive._stamp, looks(15, drive.places), RADIUS, pose)
    assert np.isfinite(support.places).all()
    for place in range(15, 25):
        belief, best = drive.see(place)
    assert belief > 0.9
    assert best == 25


def test_frozen_camera_is_contradicted_by_the_odometry_that_goes_on():
    drive = Drive('sequence')
    for place in range(5, 15):
        drive.see(place)
    frozen = looks(14, drive.places)
    for _ in range(20):
        drive._stamp += SECOND
        drive._travelled += SPACING
        pose = Pose.planar(drive._travelled, 0, 0)
        support = drive.filter.update(drive._stamp, frozen, RADIUS, pose)
    assert support.places[frozen.ids == 15][0] < 0.5


def test_frozen_camera_at_the_beginning_of_the_map_is_contradicted_too():
    """Where the robot would have come from there is no map that could contradict."""
    drive = Drive('sequence')
    frozen = looks(1, drive.places)
    for i in range(20):
        pose = Pose.planar(SPACING * i, 0, 0)
        support = drive.filter.update(i * SECOND, frozen, RADIUS, pose)
    assert support.places[frozen.ids == 2][0] < 0.5


def test_evidence_that_is_not_finite_is_forgotten_and_said(caplog):
    drive = Drive('sequence')
    for place in range(10):
        drive.see(place)
    broken = looks(10, drive.places)
    broken = replace(broken, similarities=broken.similarities * np.nan)
    drive.filter.update(11 * SECOND, broken, RADIUS, odometry(10))
    assert 'begins anew' in caplog.text
    drive.support(11)  # The first after a reset has nothing to support it.
    beliefs = [drive.see(place)[0] for place in range(12, 16)]
    assert beliefs[-1] > 0.5
