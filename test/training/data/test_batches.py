# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros.describe.preprocess import preprocess
from vpr_ros.training.data import PlaceBatch, TrainingDataError, batch_loader
from vpr_ros.training.data.batches import Batches


class Coloured:
    """A source whose pixels say which place and view they are."""

    def __init__(self, areas: list[list[int]], views: int = 3) -> None:
        self.areas = areas
        self._views = views

    def views(self, place: int) -> int:
        return self._views

    def image(self, place: int, view: int) -> np.ndarray:
        return np.full((4, 6, 3), (place, view, 77), np.uint8)


SMALL = {'places': 4, 'views': 2, 'size': 8, 'seed': 5}


def batches(sources, upto=200, **changes) -> Batches:
    return Batches(sources, **{**SMALL, **changes}, upto=upto)


def area_of(areas: list[list[int]], place: int) -> int:
    return next(i for i, area in enumerate(areas) if place in area)


@given(
    sizes=st.lists(st.integers(1, 15), min_size=1, max_size=5),
    places=st.integers(1, 6),
    seed=st.integers(0, 2**32),
    number=st.integers(0, 199),
)
def test_a_batch_holds_different_places_of_one_area(sizes, places, seed, number):
    starts = np.cumsum([0, *sizes])
    areas = [list(range(a, b)) for a, b in pairwise(starts)]
    chosen = batches([(Coloured(areas), 1.0)], places=places, seed=seed).choice(number)
    ids = chosen[::2, 0].tolist()
    assert len({area_of(areas, place) for place in ids}) == 1
    assert len(set(ids)) == len(ids) == min(places, sizes[area_of(areas, ids[0])])
    assert chosen[1::2, 0].tolist() == ids


def test_every_place_is_seen_equally_often_where_batches_leave_none_over():
    areas = [list(range(8)), list(range(8, 20))]
    loader = batches([(Coloured(areas), 1.0)])
    rounds = [np.concatenate([loader.choice(5 * r + i)[::2, 0] for i in range(5)]) for r in (0, 1)]
    assert sorted(rounds[0]) == sorted(rounds[1]) == list(range(20))
    assert rounds[0].tolist() != rounds[1].tolist()


def test_views_are_drawn_without_replacement_and_over_again_where_there_are_too_few():
    enough = batches([(Coloured([list(range(8))], views=5), 1.0)], views=4)
    few = batches([(Coloured([list(range(8))], views=2), 1.0)], views=5)
    for number in range(20):
        for views in enough.choice(number)[:, 1].reshape(-1, 4):
            assert len(set(views.tolist())) == 4
        for views in few.choice(number)[:, 1].reshape(-1, 5):
            assert sorted(np.bincount(views, minlength=2).tolist()) == [2, 3]


@given(shares=st.lists(st.floats(0.05, 10), min_size=1, max_size=4), seed=st.integers(0, 2**32))
def test_sources_take_turns_by_their_shares(shares, seed):
    sources = [(Coloured([[0, 1]]), share) for share in shares]
    loader = batches(sources, seed=seed, upto=500)
    turns = loader._turns
    for upto in (20, 100, 500):
        counts = np.bincount(turns[:upto], minlength=len(shares))
        wanted = upto * np.array(shares) / sum(shares)
        assert np.abs(counts - wanted).max() < 5


def test_places_of_different_sources_have_different_ids():
    sources = [(Coloured([[0, 1], [7]]), 1.0), (Coloured([[0, 1, 2]]), 1.0)]
    loader = batches(sources)
    seen: dict[int, set[int]] = {0: set(), 1: set()}
    for i in range(40):
        seen[loader._turns[i]] |= set(loader[i].places.tolist())
    assert seen == {0: {0, 1, 7}, 1: {8, 9, 10}}


def test_images_are_those_that_the_network_will_get_in_use():
    loader = batches([(Coloured([list(range(10))]), 1.0)])
    batch = loader[3]
    assert batch.images.shape == (8, 3, 8, 8)
    assert batch.images.dtype == torch.uint8
    assert batch.places.dtype == batch.views.dtype == torch.int64
    for image, place, view in zip(*batch, strict=True):
        assert image[:, 0, 0].tolist() == [place, view, 77]
    picture = np.random.default_rng(0).integers(0, 255, (31, 47, 3), np.uint8)
    source = Coloured([[0]])
    source.image = lambda place, view: picture
    images = batches([(source, 1.0)], size=24)[0].images
    seen = (images[:1].float() / 255 - torch.tensor([0.485, 0.456, 0.406])[:, None, None]) / (
        torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    )
    torch.testing.assert_close(seen, preprocess([picture], 24))


def load(first: int, count: int, workers: int, **changes) -> list[PlaceBatch]:
    sources = [
        (Coloured([list(range(9)), list(range(9, 30))]), 2.0),
        (Coloured([list(range(50))], views=1), 1.0),
    ]
    chosen = batches(sources, first + count, **changes)
    return list(batch_loader(chosen, first=first, workers=workers))


@pytest.mark.parametrize('workers', [1, 2])
def test_batches_are_the_same_whatever_the_workers_and_wherever_one_begins(workers):
    whole = load(0, 12, 0)
    rest = load(5, 7, workers)
    assert len(whole) == 12
    assert len(rest) == 7
    for a, b in zip(whole[5:], rest, strict=True):
        assert isinstance(b, PlaceBatch)
        assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.timeout(60)
def test_workers_do_not_wait_for_threads_that_were_left_behind_in_the_process_that_made_them():
    class Large(Coloured):
        def image(self, place: int, view: int) -> np.ndarray:
            return cv2.resize(super().image(place, view), (1000, 1000))

    def draw() -> list[PlaceBatch]:
        large = batches([(Large([list(range(9))]), 1.0)], 2)
        return list(batch_loader(large, first=0, workers=1))

    before = cv2.getNumThreads(), torch.get_num_threads()
    try:
        cv2.setNumThreads(2)
        torch.set_num_threads(2)
        cv2.GaussianBlur(np.zeros((2000, 2000, 3), np.uint8), (5, 5), 0)
        torch.rand(1000, 1000) @ torch.rand(1000, 1000)
        assert len(draw()) == 2
    finally:
        cv2.setNumThreads(before[0])
        torch.set_num_threads(before[1])


def test_another_seed_is_another_sequence():
    assert any(
        not torch.equal(a.places, b.places)
        for a, b in zip(load(0, 5, 0), load(0, 5, 0, seed=6), strict=False)
    )


@pytest.mark.parametrize('shares', [[], [0.0], [1.0, -1.0], [float('nan')]])
def test_shares_that_make_no_sense_are_refused(shares):
    with pytest.raises(TrainingDataError, match='shares'):
        batches([(Coloured([[0]]), share) for share in shares])


def test_empty_source_is_refused():
    with pytest.raises(TrainingDataError, match='no places'):
        batches([(Coloured([]), 1.0)])
