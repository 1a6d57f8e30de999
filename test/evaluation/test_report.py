# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import math
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import numpy as np
import pytest
from evaluation_sample import MODEL, PLACES, QUERIES, evaluation, query
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros.evaluation import PlaceTable, charts
from vpr_ros.evaluation.gallery import data_uri
from vpr_ros.evaluation.report import render_report
from vpr_ros.evaluation.words import UNKNOWN, metres, milliseconds, share

TRAINED = dataclasses.replace(MODEL, weights_id='ab' * 32, trained=True)
VOID = {'meta', 'img', 'br', 'link'}


class Outline(HTMLParser):
    """Checks that the tags match and collects what the page would load."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.text = ''

    def handle_starttag(self, tag: str, attrs: list) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.loads += [value for name, value in attrs if name in ('src', 'href')]

    def handle_startendtag(self, tag: str, attrs: list) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if 'style' not in self.open:
            self.text += data


def read(page: str) -> Outline:
    outline = Outline()
    outline.feed(page)
    outline.close()
    assert outline.open == []
    for svg in re.findall(r'<svg.*?</svg>', page, re.DOTALL):
        ET.fromstring(svg)
    return outline


def grey(keys):
    return [(key, np.full((40, 640, 3), 128, np.uint8)) for key in keys]


def test_page_needs_nothing_else_and_shows_the_figures() -> None:
    page = read(render_report(evaluation(), query_pictures=grey, place_pictures=grey))
    assert page.loads
    assert all(load.startswith('data:image/jpeg;base64,') for load in page.loads)
    assert 'Of 6 images, 2 have a correct place as the first candidate' in page.text
    assert '2 were' not in page.text
    assert '1 were taken' not in page.text
    assert '1 of them with a wrong place' in page.text
    assert '33.3 %' in page.text


def test_untrained_weights_are_said_loudly_and_trained_ones_are_not() -> None:
    assert 'never trained' in read(render_report(evaluation())).text
    assert 'never trained' not in read(render_report(evaluation(model=TRAINED))).text


@pytest.mark.parametrize(
    'queries',
    [
        (),
        (query(0, None, [10]),),
        (query(0, 0.0, []),),
        (query(0, 99.0, [10]),),
        (query(0, 0.0, [10], similarities=[math.nan]),),
        (query(0, 0.0, [10], probabilities=[0.9]),),
    ],
    ids=['none', 'no truth', 'no candidates', 'off the map', 'NaN', 'calibrated'],
)
def test_little_known_still_makes_a_page(queries) -> None:
    read(render_report(evaluation(queries)))


def test_map_without_places_or_poses_still_makes_a_page() -> None:
    empty = PlaceTable(*(np.zeros(0, np.int64) for _ in range(3)), np.zeros((0, 7)))
    poseless = dataclasses.replace(PLACES, poses=np.full((10, 7), np.nan))
    for places in (empty, poseless):
        found = query(0, 0.0, [10])
        poses = np.full((1, 7), np.nan)
        blind = dataclasses.replace(
            found, candidates=dataclasses.replace(found.candidates, poses=poses)
        )
        for queries in ((), (blind,)):
            read(render_report(dataclasses.replace(evaluation(queries), places=places)))


def test_names_are_escaped() -> None:
    page = render_report(evaluation(query='<script>alert(1)</script>'))
    assert '<script' not in page
    read(page)


def test_wrong_matches_are_shown_beside_the_right_place() -> None:
    page = read(render_report(evaluation(), query_pictures=grey, place_pictures=grey))
    assert 'correct place at rank 2' in page.text
    assert 'the map has no correct place' in page.text
    assert page.text.count('correct place at rank') == 1


def test_confidently_wrong_are_those_accepted_only() -> None:
    page = read(render_report(evaluation()))
    assert re.search(r'Wrong and accepted\s+1\b', page.text)
    assert re.search(r'Rejected correctly\s+2\b', page.text)


def test_pictures_are_shrunk_to_what_the_page_shows() -> None:
    cv2 = pytest.importorskip('cv2')
    import base64

    uri = data_uri(np.zeros((480, 640, 3), np.uint8))
    data = np.frombuffer(base64.b64decode(uri.split(',')[1]), np.uint8)
    assert cv2.imdecode(data, cv2.IMREAD_COLOR).shape == (240, 320, 3)


def test_colours_of_pictures_stay() -> None:
    cv2 = pytest.importorskip('cv2')
    import base64

    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 0] = 255
    data = np.frombuffer(base64.b64decode(data_uri(red).split(',')[1]), np.uint8)
    blue, _, red_again = cv2.imdecode(data, cv2.IMREAD_COLOR)[16, 16]
    assert red_again > 240
    assert blue < 15


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(2, 8))
def test_ticks_are_few_round_and_within(low: float, span: float, most: int) -> None:
    ticks = charts.ticks(low, low + span, most)
    assert len(ticks) <= most
    assert all(low - 1e-6 * span <= tick <= low + span * (1 + 1e-6) for tick in ticks)
    assert not any(math.copysign(1, tick) < 0 for tick in ticks if tick == 0)


def test_a_straight_track_has_its_queries_lifted_off_it() -> None:
    chart = charts.track_chart(evaluation())
    assert chart is not None
    assert chart[1]
    bent = PLACES.poses.copy()
    bent[5:, 1] = np.arange(5)
    chart = charts.track_chart(
        dataclasses.replace(evaluation(), places=dataclasses.replace(PLACES, poses=bent))
    )
    assert chart is not None


def test_long_traverses_are_thinned_to_keep_the_page_small() -> None:
    many = tuple(dataclasses.replace(QUERIES[0], stamp=i) for i in range(20_000))
    chart = charts.match_chart(evaluation(many))
    assert chart is not None
    assert len(chart) < 1_000_000


def test_figures_are_written_as_people_read_them() -> None:
    assert [share(v) for v in (1.0, 0.9996, 0.5, 0.0003, 0.0, math.nan)] == [
        '100 %',
        '>99.9 %',
        '50 %',
        '<0.1 %',
        '0 %',
        UNKNOWN,
    ]
    assert [metres(v) for v in (0.123, 45.6, math.nan)] == ['0.12 m', '46 m', UNKNOWN]
    assert [milliseconds(v) for v in (0.0004, 0.0123, 1.5)] == ['0.40 ms', '12.3 ms', '1500 ms']


def test_without_pictures_of_the_places_the_page_says_how_to_get_them() -> None:
    page = read(render_report(evaluation(), query_pictures=grey))
    assert 'name the bag it was built from' in page.text
    assert ': no picture' not in page.text
