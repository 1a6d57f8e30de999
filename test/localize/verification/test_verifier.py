# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Candidates looked at through their thumbnails, in a world of textured boards."""

from dataclasses import dataclass

import cv2
import numpy as np
import pytest

from vpr_ros.errors import ImageError, MapError
from vpr_ros.geometry import Pose
from vpr_ros.geometry.mounts import OPTICAL_ROTATION
from vpr_ros.geometry.pinhole import Pinhole
from vpr_ros.inputs.frames.thumbnail_codec import decode_thumbnail, encode_thumbnail, shrunk
from vpr_ros.localize import (
    Decision,
    DecisionConfig,
    Status,
    Verifier,
    verifier_for,
)
from vpr_ros.localize.verification.local_features import FeatureDetector
from vpr_ros.maps import MapWriter, NewPlace
from vpr_ros.search import Candidates
from vpr_ros.types import Description, ModelInfo

MODEL = ModelInfo('numbers', '0' * 64, 8, 8, 'none', trained=True)
WIDTH, HEIGHT, FOCAL = 320, 180, 160.0
CAMERA = Pinhole.of_view(90, WIDTH, HEIGHT)
DECIDED = DecisionConfig()
ACCEPTED = Decision(Status.ACCEPTED, 'looks right', Pose.identity(), np.eye(6))
DOUBTFUL = Decision(Status.AMBIGUOUS, 'looks like another')


@dataclass(frozen=True)
class World:
    """Boards that stand across the way, each with its own texture."""

    seed: int

    def seen_from(self, pose):
        """Return the picture (H, W, 3) of a camera on a base with this pose."""
        optical = pose @ OPTICAL_ROTATION
        picture = np.full((HEIGHT, WIDTH), 120, np.uint8)
        k = np.array([[FOCAL, 0, WIDTH / 2 - 0.5], [0, FOCAL, HEIGHT / 2 - 0.5], [0, 0, 1]])
        for number, (x, left, bottom, side) in enumerate(
            [(30, -20, -9, 40), (18, 2, -4, 8), (14, -9, -4, 7), (11, -1, -5, 4), (9, 3, -1, 3)]
        ):
            rng = np.random.default_rng([self.seed, number])
            texture = cv2.resize(rng.integers(0, 256, (24, 24), np.uint8), (240, 240))
            corners = [(0, 0), (1, 0), (1, 1), (0, 1)]
            world = np.array([(x, left + side * a, bottom + side * b) for a, b in corners], float)
            seen = (world - optical.position) @ optical.rotation @ k.T
            image = (seen[:, :2] / seen[:, 2:]).astype(np.float32)
            source = np.float32(corners) * 240
            warp = cv2.getPerspectiveTransform(source, image)
            cv2.warpPerspective(
                texture, warp, (WIDTH, HEIGHT), picture, cv2.INTER_AREA, cv2.BORDER_TRANSPARENT
            )
        return np.repeat(picture[:, :, None], 3, axis=2)


def town(path, views):
    """Map pictures with poses; a view is a picture and where it was mapped."""
    place_map = MapWriter.create(path, MODEL)
    session = place_map.begin_session('drive', 0)
    description = Description(np.eye(8, dtype=np.float32)[0], np.uint8([1]))
    place_map.add(
        [
            NewPlace(
                description,
                session,
                stamp,
                pose=pose,
                thumbnail=None if picture is None else encode_thumbnail(picture, 320),
            )
            for stamp, (picture, pose) in enumerate(views)
        ]
    )
    return place_map


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
    with town(tmp_path / 'boards.vprmap', views) as place_map:
        yield place_map


def test_right_place_is_accepted_though_descriptors_doubted(boards):
    checked = Verifier(boards).check(
        World(1).seen_from(along(0.3)), all_of(boards), DOUBTFUL, DECIDED
    )
    assert checked.decision.status == Status.ACCEPTED
    assert 'features agree' in checked.decision.reason
    assert checked.verifications[0].place_id == checked.candidates.ids[0]
    assert checked.verifications[0].inliers >= 15


def test_wrong_place_that_looked_right_is_unverified(boards):
    last = all_of(boards).take(slice(3, None))
    checked = Verifier(boards).check(World(1).seen_from(along(0)), last, ACCEPTED, DECIDED)
    assert checked.decision.status == Status.UNVERIFIED
    assert checked.decision.pose is None
    assert not checked.verifications[0].verified


def test_what_was_refused_before_keeps_its_reason_where_nothing_fits(boards):
    checked = Verifier(boards).check(
        World(3).seen_from(along(0)), all_of(boards), DOUBTFUL, DECIDED
    )
    assert checked.decision == DOUBTFUL


def test_verified_place_comes_first_and_no_candidate_is_lost(boards, monkeypatch):
    monkeypatch.setattr('vpr_ros.localize.verification.verifier._TOP', 2)
    backwards = all_of(boards).take(slice(None, None, -1))
    checked = Verifier(boards).check(World(1).seen_from(along(2)), backwards, ACCEPTED, DECIDED)
    assert checked.candidates.ids.tolist() == [3, 4, 2, 1]
    assert [check.place_id for check in checked.verifications] == [3, 4]


def test_same_picture_at_two_places_is_ambiguous(tmp_path):
    picture = World(1).seen_from(along(0))
    with town(tmp_path / 'twins.vprmap', [(picture, along(0)), (picture, along(300))]) as twins:
        checked = Verifier(twins).check(picture, all_of(twins), ACCEPTED, DECIDED)
    assert checked.decision.status == Status.AMBIGUOUS
    assert checked.decision.pose is None
    assert 'elsewhere' in checked.decision.reason


def test_place_without_a_picture_cannot_be_verified(tmp_path):
    with town(tmp_path / 'blind.vprmap', [(None, along(0))]) as blind:
        picture = World(1).seen_from(along(0))
        checked = Verifier(blind).check(picture, all_of(blind), ACCEPTED, DECIDED)
        assert checked.decision.status == Status.UNVERIFIED
        with pytest.raises(MapError, match='no thumbnails'):
            verifier_for(blind)


def test_map_with_pictures_and_an_empty_one_are_fit_for_verification(boards, tmp_path):
    verifier_for(boards)
    with MapWriter.create(tmp_path / 'empty.vprmap', MODEL) as empty:
        verifier_for(empty)


def test_no_candidates_stay_no_candidates(boards):
    nothing = Decision(Status.NO_MAP, 'no place')
    black = np.zeros((9, 9, 3), np.uint8)
    checked = Verifier(boards).check(black, Candidates.none(), nothing, DECIDED)
    assert len(checked.candidates) == 0


@pytest.mark.parametrize('mount', [OPTICAL_ROTATION, Pose.of((0.4, 0.1, 0.5)) @ OPTICAL_ROTATION])
def test_way_to_the_place_is_measured_in_metres(tmp_path, mount):
    # The base drives; the camera stands where the mount puts it.
    def picture(base):
        return World(1).seen_from(base @ mount @ OPTICAL_ROTATION.inverse())

    bases = [along(0), along(1, 0.7), along(2, -0.7), along(0.5, 1.5)]
    with town(tmp_path / 'm.vprmap', [(picture(base), base) for base in bases]) as place_map:
        verifier = Verifier(place_map, camera=CAMERA, mount=mount)
        truth = along(0.6, 0.3, 0.05)
        checked = verifier.check(
            picture(truth), all_of(place_map).take(slice(1)), ACCEPTED, DECIDED
        )
    assert checked.transform is not None
    error = checked.transform.pose.position - truth.position
    assert np.linalg.norm(error) < 0.25
    assert checked.transform.pose.yaw == pytest.approx(0.05, abs=0.02)
    spread = checked.transform.covariance[:3, :3]
    assert error @ np.linalg.solve(spread, error) < 16
    assert np.linalg.norm(checked.decision.pose.position - truth.position) < 0.25


def test_without_intrinsics_or_other_keyframes_no_way_is_claimed(boards, tmp_path):
    picture = World(1).seen_from(along(0.3))
    blind = Verifier(boards).check(picture, all_of(boards), ACCEPTED, DECIDED)
    assert blind.decision.status == Status.ACCEPTED
    assert blind.transform is None
    with town(tmp_path / 'one.vprmap', [(World(1).seen_from(along(0)), along(0))]) as single:
        alone = Verifier(single, camera=CAMERA).check(picture, all_of(single), ACCEPTED, DECIDED)
    assert alone.transform is None
    assert alone.decision.pose.position[0] == 0


def test_features_of_a_place_are_found_once(boards):
    class Counting(FeatureDetector):
        seen = 0

        def detect(self, rgb):
            Counting.seen += 1
            return super().detect(rgb)

    verifier = Verifier(boards, detector=Counting())
    for _ in range(3):
        verifier.check(World(1).seen_from(along(0)), all_of(boards), ACCEPTED, DECIDED)
    assert Counting.seen == 3 + len(boards)


def test_same_picture_is_judged_the_same_again(boards):
    picture = World(1).seen_from(along(0.4, 0.2))
    a, b = (
        Verifier(boards, camera=CAMERA).check(picture, all_of(boards), ACCEPTED, DECIDED)
        for _ in range(2)
    )
    assert a.decision.reason == b.decision.reason
    np.testing.assert_array_equal(a.transform.pose.as_array(), b.transform.pose.as_array())


def test_orb_serves_where_sift_is_missing(boards):
    verifier = Verifier(boards, detector=FeatureDetector(sift=False))
    right = verifier.check(World(1).seen_from(along(0.1)), all_of(boards), DOUBTFUL, DECIDED)
    assert right.decision.status == Status.ACCEPTED
    wrong = verifier.check(World(3).seen_from(along(0)), all_of(boards), ACCEPTED, DECIDED)
    assert wrong.decision.status == Status.UNVERIFIED


@pytest.mark.parametrize('sift', [True, False])
def test_picture_of_nothing_has_no_features_and_matches_nothing(sift):
    detector = FeatureDetector(sift=sift)
    nothing = detector.detect(np.zeros((50, 60, 3), np.uint8))
    something = detector.detect(World(1).seen_from(along(0)))
    assert len(nothing.points) == 0
    assert len(detector.match(something, nothing)) == len(detector.match(nothing, something)) == 0


def test_every_feature_of_the_place_is_matched_at_most_once():
    detector = FeatureDetector()
    a, b = (detector.detect(World(1).seen_from(along(x))) for x in (0, 0.5))
    matches = detector.match(a, b, 0.99)
    assert len(set(matches[:, 1])) == len(matches) > 20


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
