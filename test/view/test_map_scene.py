# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Maps in the viewer, read back from the recording."""

from __future__ import annotations

import pytest

pytest.importorskip('rerun', reason='rerun-sdk, the extra [view], is not installed')

import numpy as np
from recorded import Recorded
from viewed_maps import COUNT, DATUM, GAP

from vpr_ros.search.map_health import map_health
from vpr_ros.search.self_similarity import self_similarity
from vpr_ros.view import picture_tracks
from vpr_ros.view.map_scene import ExaminedMap, show_map
from vpr_ros.view.view_stream import recording_to

PICTURE = 'place/picture', 'EncodedImage:blob', 'place'


@pytest.fixture
def show(tmp_path):
    """Record a map; return what was said to be left out, and the recording."""

    def shown(place_map, most=4096):
        similarity = self_similarity(place_map, most=most)
        examined = ExaminedMap(place_map, similarity, map_health(place_map, similarity))
        with recording_to(tmp_path / 'map.rrd', 'map') as stream:
            left_out = show_map(stream, examined)
        return left_out, Recorded(tmp_path / 'map.rrd')

    return shown


def test_everything_about_a_map_is_at_its_path_as_its_archetype(mapped, show):
    left_out, found = show(mapped('day', 'night/2'))
    assert left_out == ''
    assert found.blueprints == 1
    sessions = '1\\ day', '2\\ night\\/2'
    assert found.entities == {
        'about': {'TextDocument'},
        'world': {'ViewCoordinates'},
        **{f'world/map/places/{name}': {'Points3D'} for name in sessions},
        **{f'world/map/ways/{name}': {'LineStrips3D'} for name in sessions},
        **{f'earth/map/places/{name}': {'GeoPoints'} for name in sessions},
        'world/health/distinctness': {'Points3D'},
        'world/health/gaps': {'LineStrips3D'},
        'earth/health/gaps': {'GeoLineStrings'},
        'world/place/position': {'Points3D'},
        'earth/place': {'GeoPoints'},
        'world/place/resembles': {'LineStrips3D'},
        'place/picture': {'EncodedImage'},
        'place/look_alike': {'EncodedImage'},
        'place/about': {'TextDocument'},
        'plots/similarity/beside': {'Scalars'},
        'plots/similarity/elsewhere': {'Scalars'},
        'plots/distinctness': {'Scalars'},
    }


def test_places_are_where_they_are_in_the_map_and_on_earth(mapped, show):
    place_map = mapped('day', 'night')
    _, found = show(place_map)
    for row, name in enumerate(('1\\ day', '2\\ night')):
        own = slice(row * COUNT, (row + 1) * COUNT)
        places = found.static(f'world/map/places/{name}', 'Points3D:positions')
        np.testing.assert_allclose(places, place_map.positions[own])
        on_earth = found.static(f'earth/map/places/{name}', 'GeoPoints:positions')
        expected = DATUM.to_geodetic(place_map.positions[own])[:, :2]
        np.testing.assert_allclose(on_earth, expected, atol=1e-9)
        (way,) = found.static(f'world/map/ways/{name}', 'LineStrips3D:strips')
        assert len(way) == COUNT
    labels = found.static('world/map/places/2\\ night', 'Points3D:labels')
    assert (labels[0], labels[-1]) == (f'place {COUNT + 1}', f'place {2 * COUNT}')


def test_gap_is_drawn_between_the_places_beside_it(mapped, show):
    _, found = show(mapped())
    (gap,) = found.static('world/health/gaps', 'LineStrips3D:strips')
    assert gap == [[GAP - 1, 0, 0], [GAP + 30, 0, 0]]


def test_each_place_is_played_with_its_picture_and_the_most_similar_one_elsewhere(mapped, show):
    place_map = mapped()
    _, found = show(place_map)
    ids = place_map.ids.tolist()
    assert found.moments(*PICTURE) == ids
    assert found.moments('place/look_alike', 'EncodedImage:blob', 'place') == ids
    (blob,) = found.values('place/picture', 'EncodedImage:blob')[7]
    assert bytes(blob) == place_map.thumbnail(ids[7])
    positions = found.values('world/place/position', 'Points3D:positions')
    np.testing.assert_allclose([one for (one,) in positions], place_map.positions)
    on_earth = found.values('earth/place', 'GeoPoints:positions')
    expected = DATUM.to_geodetic(place_map.positions)[:, :2]
    np.testing.assert_allclose([one for (one,) in on_earth], expected, atol=1e-9)
    texts = found.values('place/about', 'TextDocument:text')
    assert texts[7][0].startswith('**place 8**, session day, ')


def test_look_alike_places_are_joined_and_coloured(mapped, show, monkeypatch):
    place_map = mapped('day')
    similarity = self_similarity(place_map)
    # Place 4 looks more like place 36 than like those beside it.
    similarity.elsewhere[3], similarity.matches[3] = 1.0, 35
    examined = ExaminedMap(place_map, similarity, map_health(place_map, similarity))
    path = place_map.path.with_suffix('.rrd')
    with recording_to(path, 'map') as stream:
        show_map(stream, examined)
    found = Recorded(path)
    assert [[3, 0, 0], [65, 0, 0]] in found.static(
        'world/health/look_alikes', 'LineStrips3D:strips'
    )
    assert len(found.static('earth/health/look_alikes', 'GeoLineStrings:line_strings')) == len(
        found.static('world/health/look_alikes', 'LineStrips3D:strips')
    )
    assert 4 in found.moments('world/place/resembles', 'LineStrips3D:strips', 'place')
    colours = found.static('world/health/distinctness', 'Points3D:colors')
    assert colours[3] == 0xC0562FFF
    assert '## Look-alike stretches' in found.static('about', 'TextDocument:text')[0]


def test_map_without_poses_is_shown_by_its_pictures(mapped, show):
    left_out, found = show(mapped(posed=False))
    assert 'no place has a pose' in left_out
    assert left_out in found.static('about', 'TextDocument:text')[0]
    assert len(found.moments(*PICTURE)) == COUNT
    assert not any(
        path.startswith(('world/map', 'world/health', 'earth')) for path in found.entities
    )


def test_map_without_thumbnails_is_shown_without_pictures(mapped, show):
    left_out, found = show(mapped(pictured=False))
    assert left_out == 'the map keeps no thumbnails, so that there are no pictures'
    assert 'place/picture' not in found.entities
    assert len(found.values('place/about', 'TextDocument:text')) == COUNT


def test_map_without_datum_is_not_on_earth(mapped, show):
    left_out, found = show(mapped(datum=None))
    assert left_out == ''
    assert not any(path.startswith('earth') for path in found.entities)


def test_large_map_has_some_of_the_pictures_and_none_at_the_places_between(
    mapped, show, monkeypatch
):
    monkeypatch.setattr(picture_tracks, 'MOST_PICTURES', 10)
    place_map = mapped('day', 'night')
    left_out, found = show(place_map, most=20)
    assert left_out == (
        '20 of 80 places were examined, chosen evenly; pictures are shown of 10 of 80 places'
    )
    assert len(found.moments(*PICTURE)) == 10
    pictures = found.values('place/picture', 'EncodedImage:blob')
    assert len(pictures) == 20
    assert sum(picture == [] for picture in pictures) == 10
    # Points are cheap: all of them are there.
    assert len(found.static('world/map/places/2\\ night', 'Points3D:positions')) == COUNT


def test_places_far_from_the_origin_keep_their_distances(mapped, show):
    _, found = show(mapped(offset=5_400_000.3))
    x = np.array(found.static('world/map/places/1\\ day', 'Points3D:positions'))[:, 0]
    np.testing.assert_allclose(np.diff(x)[: GAP - 1], 1.0, atol=1e-4)
    assert 'Positions are shown from x = 5400000' in found.static('about', 'TextDocument:text')[0]


@pytest.mark.parametrize(
    'name', ['', ' ', 'a/b', '../..', 'ü\n|x', '__private', 'a\\b', '日本', '#1']
)
def test_sessions_of_any_name_are_shown(mapped, show, name):
    _, found = show(mapped(name, 'other', count=12))
    paths = [path for path in found.entities if path.startswith('world/map/places/')]
    assert len(paths) == 2
    (own,) = (path for path in paths if not path.endswith('other'))
    assert len(found.static(own, 'Points3D:positions')) == 12
