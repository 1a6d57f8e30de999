# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import csv
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros.errors import BagError
from vpr_ros.geometry import GeoPoint, Pose
from vpr_ros.inputs.folders import PosedImage
from vpr_ros.simulation import Conditions, SimulatedCamera, Town, Traverse, write_bag
from vpr_ros.training.data import TrainingDataError, open_source
from vpr_ros.training.data.posed_places import Cells, posed_places
from vpr_ros.training.data.town_places import spread

METRES = st.floats(-1e6, 1e7)
OFFICIAL = [Cells(15, 60, 3, 2), Cells(10, 60, 5, 2), Cells(10, 30, 5, 2)]


@given(
    cells=st.sampled_from(OFFICIAL),
    east=METRES,
    north=METRES,
    heading=st.floats(-720, 720),
    step=st.tuples(st.integers(-3, 3), st.integers(-3, 3), st.integers(-3, 3)),
)
def test_two_places_of_one_group_are_never_adjacent_cells(cells, east, north, heading, step):
    first = cells.of(east, north, heading)
    other = cells.of(
        east + step[0] * cells.size, north + step[1] * cells.size, heading + step[2] * cells.angle
    )
    if first.place == other.place or first.group != other.group:
        return
    whole_turn = round(360 / cells.angle)
    aside = [abs(a - b) for a, b in zip(first.place, other.place, strict=True)]
    around = min(aside[2], whole_turn - aside[2])
    assert aside[0] >= cells.across or aside[1] >= cells.across or around >= cells.headings


@given(
    cells=st.sampled_from(OFFICIAL),
    east=st.floats(1e5, 1e6),
    north=st.floats(0, 1e7),
    heading=st.floats(0, 359.99),
)
def test_cells_are_those_of_the_papers_formula(cells, east, north, heading):
    e, n = int(east // cells.size * cells.size), int(north // cells.size * cells.size)
    h = int(heading // cells.angle * cells.angle)
    place, group = cells.of(east, north, heading)
    assert (place[0] * cells.size, place[1] * cells.size, place[2] * cells.angle) == (e, n, h)
    m, turn = cells.size * cells.across, cells.angle * cells.headings
    assert group == (e % m // cells.size, n % m // cells.size, h % turn // cells.angle)


@given(cells=st.sampled_from(OFFICIAL), heading=st.floats(-1e-15, 0))
def test_north_is_north_from_either_side(cells, heading):
    assert cells.of(0, 0, heading).place[2] in (0, round(360 / cells.angle) - 1)


def test_groups_are_as_many_as_said():
    groups = {
        Cells(15, 60, 3, 2).of(e, n, h).group
        for e in range(0, 90, 5)
        for n in range(0, 90, 5)
        for h in range(0, 360, 20)
    }
    assert len(groups) == 18


@pytest.mark.parametrize('values', [(0, 60, 3, 2), (10, 60, 0, 2), (10, 70, 3, 2), (10, 60, 3, 4)])
def test_cells_that_do_not_close_or_have_no_size_are_refused(values):
    with pytest.raises(TrainingDataError):
        Cells(*values)


@given(
    st.lists(st.tuples(st.floats(-50, 50), st.floats(-50, 50)), min_size=1, max_size=40),
    st.floats(0.1, 40),
)
def test_places_of_an_area_are_far_apart_and_none_is_lost(positions, apart):
    areas = spread(positions, apart)
    assert sorted(i for area in areas for i in area) == list(range(len(positions)))
    points = np.array(positions)
    for area in areas:
        for k, i in enumerate(area):
            assert all(np.linalg.norm(points[i] - points[j]) >= apart for j in area[:k])


def write_image(path: Path, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(number).integers(0, 255, (8, 8, 3), np.uint8)
    assert cv2.imwrite(str(path), pixels)


def gsv(root: Path, cities: dict[str, list[int]], spell=str) -> Path:
    """Write a data set in the format of GSV-Cities, with so many images of each place."""
    titles = ['place_id', 'year', 'month', 'northdeg', 'city_id', 'lat', 'lon', 'panoid']
    for city, counts in cities.items():
        (root / 'Dataframes').mkdir(parents=True, exist_ok=True)
        with (root / 'Dataframes' / f'{city}.csv').open('w', newline='') as file:
            table = csv.writer(file)
            table.writerow(titles)
            for place, count in enumerate(counts):
                for i in range(count):
                    table.writerow([place, 2015, 6, 40 + i, city, '51.500', '-0.10', f'p_{i}'])
                    where = f'{spell("51.500")}_{spell("-0.10")}'
                    name = f'{city}_{place:07d}_2015_06_{40 + i:03d}_{where}_p_{i}.jpg'
                    write_image(
                        root / 'Images' / city / name, ord(city[0]) * 1000 + place * 10 + i
                    )
    return root


@pytest.mark.parametrize('spell', [str, lambda text: str(float(text))])
def test_places_of_gsv_cities_are_numbered_over_all_cities(spell, tmp_path):
    gsv(tmp_path, {'London': [4, 3, 6], 'Boston': [5, 5]}, spell)
    source = open_source({'kind': 'gsv-cities', 'folder': str(tmp_path)})
    assert [list(area) for area in source.areas] == [[0, 1], [2, 3]]  # Boston comes first
    assert [source.views(place) for place in range(4)] == [5, 5, 4, 6]
    images = {source.image(p, v).tobytes() for p in range(4) for v in range(source.views(p))}
    assert len(images) == 20
    assert source.path(3, 1).name.startswith('London_0000002_')
    with pytest.raises(IndexError):
        source.image(0, 5)


def test_cities_of_gsv_cities_can_be_chosen(tmp_path):
    gsv(tmp_path, {'London': [4], 'Boston': [5], 'Rome': [3]})
    config = {'kind': 'gsv-cities', 'folder': str(tmp_path)}
    source = open_source({**config, 'cities': ['London']})
    assert source.path(0, 0).parent.name == 'London'
    with pytest.raises(TrainingDataError, match='no Paris; it has Boston, London, Rome'):
        open_source({**config, 'cities': ['Paris']})
    with pytest.raises(TrainingDataError, match=r'no place in .* has 9 images'):
        open_source({**config, 'min_images': 9})


@pytest.mark.parametrize(
    ('text', 'reason'),
    [
        ('place_id,year\n1,2\n', 'lacks the columns month'),
        ('place_id,year,month,northdeg,city_id,lat,lon,panoid\nx,1,1,1,a,1,1,p\n', 'cannot be'),
        ('place_id,year,month,northdeg,city_id,lat,lon,panoid\n1,1\n', 'cannot be read'),
    ],
)
def test_damaged_table_of_gsv_cities_is_named(text, reason, tmp_path):
    (tmp_path / 'Dataframes').mkdir()
    (tmp_path / 'Dataframes' / 'Rome.csv').write_text(text)
    with pytest.raises(TrainingDataError, match=rf'Rome.csv {reason}'):
        open_source({'kind': 'gsv-cities', 'folder': str(tmp_path)})


def test_images_with_poses_are_cut_by_position_and_heading(tmp_path):
    table = ['file,x,y,yaw']
    for i in range(120):
        write_image(tmp_path / 'images' / f'{i}.jpg', i)
        # Along a street and back, a metre apart.
        x, yaw = (i, 0.0) if i < 60 else (119 - i, math.pi)
        table.append(f'{i}.jpg,{x},2.0,{yaw}')
    (tmp_path / 'poses.csv').write_text('\n'.join(table))
    source = open_source(
        {
            'kind': 'poses',
            'folder': str(tmp_path / 'images'),
            'form': 'csv',
            'poses': str(tmp_path / 'poses.csv'),
            'cells': {'size': 10, 'across': 2},
        }
    )
    places = [place for area in source.areas for place in area]
    assert len(places) == 12
    for area in source.areas:
        numbers = [
            [int(source.path(place, view).stem) for view in range(source.views(place))]
            for place in area
        ]
        for members in numbers:
            assert len(members) == 10
            assert len({i < 60 for i in members}) == 1
        where = [np.mean([i if i < 60 else 119 - i for i in members]) for members in numbers]
        same_way = [members[0] < 60 for members in numbers]
        for i in range(len(area)):
            for j in range(i):
                assert abs(where[i] - where[j]) > 15 or same_way[i] != same_way[j]


def test_positions_on_earth_and_in_the_map_make_the_same_places():
    def sightings(make) -> list[PosedImage]:
        return [PosedImage(Path(f'/images/{i}.jpg'), i, **make(i)) for i in range(40)]

    metre = 1 / 111319.49
    earth = sightings(lambda i: {'geo': GeoPoint(0.0, i * metre), 'heading': 1.2})
    plane = sightings(lambda i: {'pose': Pose.planar(i, 0.0, math.pi / 2 - 1.2)})
    cells = Cells(size=9.5)
    first, second = posed_places(earth, cells), posed_places(plane, cells)
    assert [[first.views(p) for p in area] for area in first.areas] == [
        [second.views(p) for p in area] for area in second.areas
    ]


def test_too_few_images_in_every_cell_are_refused_with_what_to_do():
    sightings = [PosedImage(Path(f'{i}.jpg'), i, Pose.planar(40 * i, 0, 0)) for i in range(9)]
    with pytest.raises(TrainingDataError, match='use larger cells'):
        posed_places([*sightings, PosedImage(Path('x.jpg'), 9)])


def test_bags_of_one_map_frame_make_common_places(tmp_path, monkeypatch):
    town = Town(1, SimulatedCamera(width=40, height=30))
    for name in ('day', 'night'):
        traverse = Traverse(town, Conditions.named(name), spacing=4.0)
        monkeypatch.setattr(Traverse, '__len__', lambda _: 20)
        write_bag(traverse, tmp_path / name, encoding='jpeg')
    config = {
        'kind': 'bags',
        'bags': [str(tmp_path / 'day'), str(tmp_path / 'night')],
        'cache': str(tmp_path / 'cache'),
        'frames': {'pose': '/odom'},
        'cells': {'size': 20.0},
    }
    source = open_source(config)
    places = [place for area in source.areas for place in area]
    assert sum(source.views(place) for place in places) > 25
    for place in places:
        bags = {source.path(place, v).parent.name[:3] for v in range(source.views(place))}
        assert bags == {'day', 'nig'}
        assert source.image(place, 0).shape == (30, 40, 3)
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / 'cache').rglob('*')}
    open_source(config)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / 'cache').rglob('*')} == stamps


def test_bag_that_is_not_there_leaves_nothing_that_looks_whole(tmp_path):
    config = {'kind': 'bags', 'bags': [str(tmp_path / 'no')], 'cache': str(tmp_path / 'cache')}
    for _ in range(2):
        with pytest.raises(BagError):
            open_source(config)
