# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Candidates compared through their thumbnails, in a world of textured boards."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from textured_boards import HEIGHT, MODEL, WIDTH, World, mapped

from vpr_ros.errors import ImageError, MapError
from vpr_ros.geometry import Pose
from vpr_ros.geometry.mounts import OPTICAL_ROTATION
from vpr_ros.geometry.pinhole import Pinhole
from vpr_ros.inputs.frames.thumbnail_codec import decode_thumbnail, encode_thumbnail, shrunk
from vpr_ros.localize import (
    DecisionConfig,
    Reranking,
    Status,
    Verifier,
    decide,
    local_detector,
    require_thumbnails,
)
from vpr_ros.localize.verification import SiftDetector, verifier
from vpr_ros.maps import MapWriter
from vpr_ros.search import Candidates

CAMERA = Pinhole.of_view(90, WIDTH, HEIGHT)


def all_of(place_map):
    """Return every place as a candidate, in the order of adding."""
    count = len(place_map)
    return Candidates.found(
        place_map.snapshot, np.arange(count), np.full(count, 0.5), np.zeros(count, np.int64)
    )


def along(x, y=0.0, yaw=0.0):
    return Pose.planar(x, y, yaw)


@pytest.fixture
def boards(tmp_path):
    """A drive towards the boards of one world, then a place of another, far off."""
    views = [
        (World(1).seen_from(along(x, y)), along(x, y)) for x, y in ((0, 0), (1, 0.7), (2, -0.7))
    ]
    views.append((World(2).seen_from(along(0)), along(500)))
    with mapped(tmp_path / 'boards.vprmap', views) as place_map:
        yield place_map


@pytest.fixture(scope='module', params=['xfeat', 'sift'])
def detector(request):
    return local_detector(request.param, threads=1)


class Answer:
    """What the chain from candidates to a decision makes of a picture."""

    def __init__(self, place_map, picture, candidates, detector, *, count=10, **options):
        looking = Verifier(place_map, detector, **options)
        comparison = looking.comparison(picture)
        ordered = comparison.reranked(candidates, Reranking(count))
        self.candidates, self.decision = decide(ordered, DecisionConfig(), rule=looking.rule)
        self.transform = comparison.transform(self.candidates.place(0))

    @property
    def status(self):
        return self.decision.status


def sure(candidates):
    """Return the same with a similarity that is accepted by itself."""
    return Candidates.found(
        candidates.snapshot, candidates.rows, np.full(len(candidates), 0.9), candidates.hamming
    )


def test_right_place_comes_first_and_is_accepted_though_descriptors_doubted(boards, detector):
    backwards = all_of(boards).take(slice(None, None, -1))
    answer = Answer(boards, World(1).seen_from(along(0.3)), backwards, detector)
    assert answer.status == Status.ACCEPTED
    assert 'features agree' in answer.decision.reason
    assert answer.candidates.ids[0] != 4
    assert answer.candidates.inliers[0] >= detector.rule.least
    assert answer.candidates.ids.tolist() != backwards.ids.tolist()


def test_wrong_place_that_looked_right_is_unverified(boards, detector):
    last = sure(all_of(boards).take(slice(3, None)))
    answer = Answer(boards, World(1).seen_from(along(0)), last, detector)
    assert answer.status == Status.UNVERIFIED
    assert answer.decision.pose is None
    assert answer.candidates.inliers[0] < detector.rule.least


def test_what_was_refused_before_stays_so_where_nothing_fits(boards, detector):
    answer = Answer(boards, World(3).seen_from(along(0)), all_of(boards), detector)
    assert answer.status == Status.AMBIGUOUS
    assert 'distance ratio' in answer.decision.reason


def test_only_so_many_are_compared_and_none_is_lost(boards, detector):
    backwards = all_of(boards).take(slice(None, None, -1))
    answer = Answer(boards, World(1).seen_from(along(2)), backwards, detector, count=2)
    assert answer.candidates.ids.tolist() == [3, 4, 2, 1]
    assert np.isnan(answer.candidates.inliers).tolist() == [False, False, True, True]
    assert answer.candidates.similarities.tolist() == [0.5] * 4


def test_same_picture_at_two_places_is_ambiguous(tmp_path, detector):
    picture = World(1).seen_from(along(0))
    with mapped(tmp_path / 'twins.vprmap', [(picture, along(0)), (picture, along(300))]) as twins:
        answer = Answer(twins, picture, all_of(twins), detector)
    assert answer.status == Status.AMBIGUOUS
    assert answer.decision.pose is None
    assert 'elsewhere' in answer.decision.reason


def test_place_without_a_thumbnail_is_judged_without(tmp_path, detector):
    with mapped(tmp_path / 'blind.vprmap', [(None, along(0))]) as blind:
        picture = World(1).seen_from(along(0))
        answer = Answer(blind, picture, sure(all_of(blind)), detector)
        assert answer.status == Status.ACCEPTED
        assert np.isnan(answer.candidates.inliers).all()
        with pytest.raises(MapError, match='no thumbnails'):
            require_thumbnails(blind)


def test_place_whose_thumbnail_is_no_picture_is_not_compared_and_said(boards, detector, caplog):
    class Spoilt:
        def thumbnail(self, place_id):
            return b'rubbish' if place_id == 1 else boards.thumbnail(place_id)

    verifier = Verifier(Spoilt(), detector)
    assert verifier.features(1) is None
    assert verifier.features(2) is not None
    assert 'place 1 is not compared' in caplog.text


def test_place_deleted_after_it_was_found_does_not_keep_the_others_from_an_answer(boards):
    verifier, candidates = Verifier(boards, SiftDetector()), all_of(boards)
    picture = World(1).seen_from(along(1, 0.7))
    before = verifier.comparison(picture).reranked(candidates, Reranking())
    boards.delete([1])
    after = verifier.comparison(picture).reranked(candidates, Reranking())
    assert after.ids[0] == before.ids[0] == 2
    assert after.inliers[0] == before.inliers[0]


def test_map_with_pictures_and_an_empty_one_are_fit_for_verification(boards, tmp_path):
    require_thumbnails(boards)
    with MapWriter.create(tmp_path / 'empty.vprmap', MODEL) as empty:
        require_thumbnails(empty)


def test_no_candidates_stay_no_candidates(boards, detector):
    comparison = Verifier(boards, detector).comparison(np.zeros((9, 9, 3), np.uint8))
    assert len(comparison.reranked(Candidates.none(), Reranking())) == 0
    assert len(comparison.with_first(Candidates.none())) == 0


def test_first_candidate_is_compared_where_another_stage_put_it_there(boards):
    comparison = Verifier(boards, SiftDetector()).comparison(World(1).seen_from(along(2)))
    candidates = comparison.reranked(all_of(boards), Reranking(1))
    assert np.isfinite(candidates.inliers).tolist() == [True, False, False, False]
    moved = comparison.with_first(candidates.take([2, 0, 1, 3]))
    assert moved.ids.tolist() == [3, 1, 2, 4]
    assert np.isfinite(moved.inliers).tolist() == [True, True, False, False]
    assert comparison.with_first(moved) is moved


def test_comparisons_stop_when_the_time_is_spent_and_say_so(tmp_path):
    views = [(World(1).seen_from(along(x)), along(x)) for x in range(9)]
    with mapped(tmp_path / 'long.vprmap', views) as place_map:
        looking = Verifier(place_map, SiftDetector())
        hurried = looking.comparison(views[8][0])
        candidates = hurried.reranked(all_of(place_map), Reranking(9, budget=1e-9))
        patient = looking.comparison(views[8][0])
        patient.reranked(all_of(place_map), Reranking(9))
    compared = np.isfinite(candidates.inliers)
    assert hurried.stopped
    assert 1 <= compared.sum() < 9
    assert not patient.stopped


@pytest.mark.parametrize('mount', [OPTICAL_ROTATION, Pose.of((0.4, 0.1, 0.5)) @ OPTICAL_ROTATION])
def test_way_to_the_place_is_measured_in_metres(tmp_path, mount, detector):
    # The base drives; the camera stands where the mount puts it.
    def picture(base):
        return World(1).seen_from(base @ mount @ OPTICAL_ROTATION.inverse())

    bases = [along(0), along(1, 0.7), along(2, -0.7), along(0.5, 1.5)]
    with mapped(tmp_path / 'm.vprmap', [(picture(base), base) for base in bases]) as place_map:
        truth = along(0.6, 0.3, 0.05)
        first = all_of(place_map).take(slice(1))
        answer = Answer(place_map, picture(truth), first, detector, camera=CAMERA, mount=mount)
    assert answer.transform is not None
    error = answer.transform.pose.position - truth.position
    assert np.linalg.norm(error) < 0.25
    assert answer.transform.pose.yaw == pytest.approx(0.05, abs=0.02)
    spread = answer.transform.covariance[:3, :3]
    assert error @ np.linalg.solve(spread, error) < 16


def test_without_intrinsics_or_other_keyframes_no_way_is_claimed(boards, tmp_path, detector):
    picture = World(1).seen_from(along(0.3))
    assert Answer(boards, picture, all_of(boards), detector).transform is None
    with mapped(tmp_path / 'one.vprmap', [(World(1).seen_from(along(0)), along(0))]) as single:
        alone = Answer(single, picture, all_of(single), detector, camera=CAMERA)
    assert alone.status == Status.ACCEPTED
    assert alone.transform is None


class Counting(SiftDetector):
    """Counts pictures and calls."""

    def __init__(self):
        super().__init__()
        self.pictures = self.calls = 0

    def detect(self, pictures):
        self.pictures += len(pictures)
        self.calls += 1
        return super().detect(pictures)


def test_features_of_a_place_are_found_once_with_those_of_the_query(boards):
    counting = Counting()
    looking = Verifier(boards, counting)
    for _ in range(3):
        looking.comparison(World(1).seen_from(along(0))).reranked(all_of(boards), Reranking())
    assert counting.pictures == 3 + len(boards)
    assert counting.calls == 3


def test_features_used_last_are_kept_within_the_memory(boards, monkeypatch):
    monkeypatch.setattr(verifier, '_CACHE_BYTES', 1)
    monkeypatch.setattr(verifier, 'LEAST_COMPARED', 2)
    counting = Counting()
    looking = Verifier(boards, counting)
    for place in (1, 2, 3, 3, 2, 1):
        looking.features(place)
    assert counting.pictures == 4


def test_same_picture_is_judged_the_same_again(boards, detector):
    picture = World(1).seen_from(along(0.4, 0.2))
    a, b = (Answer(boards, picture, all_of(boards), detector, camera=CAMERA) for _ in range(2))
    assert a.decision.reason == b.decision.reason
    np.testing.assert_array_equal(a.transform.pose.as_array(), b.transform.pose.as_array())


def test_own_number_of_inliers_takes_the_place_of_the_detectors(boards):
    picture = World(1).seen_from(along(0.3))
    strict = Answer(boards, picture, sure(all_of(boards)), SiftDetector(), min_inliers=1000)
    assert strict.status in {Status.UNVERIFIED, Status.AMBIGUOUS}
    assert '1000 are needed' in strict.decision.reason


def test_thumbnail_is_small_and_shows_the_picture():
    picture = World(1).seen_from(along(0))
    small = decode_thumbnail(encode_thumbnail(picture, 160))
    assert small.shape == (90, 160, 3)
    difference = np.abs(small.astype(int) - shrunk(picture, 160)).mean()
    assert difference < 6
    assert shrunk(picture, 999) is picture


@pytest.mark.parametrize('data', [b'', b'no picture'])
def test_thumbnail_that_is_no_picture_is_refused(data):
    with pytest.raises(ImageError):
        decode_thumbnail(data)
