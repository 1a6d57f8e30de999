# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
import pytest

from vpr_ros.training.data import TrainingDataError, open_source
from vpr_ros.training.data import unify as unify_module
from vpr_ros.training.data.unified_datasets import UNIFIED_DATASETS
from vpr_ros.training.data.unify import Transfer, unify

ROOT = Path(__file__).parents[3]


def write_pixel(path: Path, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    value = np.array([[(number % 256, number // 256, 9)]], np.uint8)
    assert cv2.imwrite(str(path), np.repeat(np.repeat(value, 8, 0), 8, 1))


def sf_xl(root: Path) -> Path:
    rng = np.random.default_rng(1)
    for i in range(160):
        east, north = 551000 + rng.uniform(0, 30), 4180000 + rng.uniform(0, 30)
        name = (
            f'@{east:.2f}@{north:.2f}@10@S@37.{i:05d}@-122.40000@pano{i // 4}@@'
            f'{rng.uniform(0, 120):.0f}@@@@2017{1 + i % 12:02d}@@.jpg'
        )
        write_pixel(root / 'train' / f'{i % 5}' / name, i)
    return root


def pitts30k(root: Path) -> Path:
    rng = np.random.default_rng(2)
    for i in range(200):
        east, north = 585000 + rng.uniform(0, 40), 4477000 + rng.uniform(0, 40)
        side = 'queries' if i % 4 == 0 else 'database'
        name = f'@{east:.2f}@{north:.2f}@17@T@40.44{i}@-80.0@@{rng.integers(24)}@@@@@@@.jpg'
        write_pixel(root / side / name, i)
    return root


def msls(root: Path) -> Path:
    rng = np.random.default_rng(3)
    for city in ('trondheim', 'london', 'cph'):
        for side in ('database', 'query'):
            folder = root / 'train_val' / city / side
            raw, post = [], []
            for i in range(70):
                key = f'{city}{side}{i:03d}'
                panorama = i % 10 == 9
                raw.append([i, key, 10.4, 63.4, rng.uniform(0, 360), '2019-07-02', panorama])
                east, north = 569000 + rng.uniform(0, 30), 7034000 + rng.uniform(0, 30)
                post.append([i, key, False, 'Forward', east, north])
                if i != 5:
                    write_pixel(folder / 'images' / f'{key}.jpg', i)
            write_table(folder / 'raw.csv', 'key lon lat ca captured_at pano', raw)
            titles = 'key night view_direction easting northing'
            write_table(folder / 'postprocessed.csv', titles, post)
    return root


def write_table(path: Path, titles: str, rows: list[list[object]]) -> None:
    with path.open('w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(['', *titles.split()])
        writer.writerows(rows)


TREES = {'sf-xl': sf_xl, 'pitts30k': pitts30k, 'msls': msls}


def contents(output: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(output)): path.read_bytes()
        for path in sorted(output.rglob('*'))
        if path.is_file()
    }


def position(name: str) -> tuple[float, float]:
    fields = name.split('@')
    return float(fields[1]), float(fields[2])


@pytest.mark.parametrize('dataset', TREES)
def test_what_is_written_opens_as_gsv_cities(dataset, tmp_path):
    tree = TREES[dataset](tmp_path / 'in')
    cities = list(unify(dataset, tree, tmp_path / 'out'))
    source = open_source({'kind': 'gsv-cities', 'folder': str(tmp_path / 'out')})
    assert len(source.areas) == len(cities) >= 1
    places = [place for area in source.areas for place in area]
    assert len(places) == sum(city.places for city in cities)
    assert sum(source.views(place) for place in places) == sum(city.images for city in cities)
    assert min(source.views(place) for place in places) >= 4
    for place in places:
        for view in range(source.views(place)):
            assert source.image(place, view).shape == (8, 8, 3)


def test_images_of_a_place_share_a_cell_and_a_group_is_a_city(tmp_path):
    pitts30k(tmp_path / 'in')
    list(unify('pitts30k', tmp_path / 'in', tmp_path / 'out', Transfer.SYMLINK))
    cells = UNIFIED_DATASETS['pitts30k'].cells
    places, groups = defaultdict(set), defaultdict(set)
    for link in (tmp_path / 'out' / 'Images').rglob('*.jpg'):
        name = link.resolve().name
        cell = cells.of(*position(name), int(name.split('@')[8]) % 12 * 30)
        places[link.parent.name, link.name.split('_')[1]].add(cell.place)
        groups[link.parent.name].add(cell.group)
    assert len(places) > 5
    assert all(len(cell) == 1 for cell in places.values())
    assert all(len(group) == 1 for group in groups.values())
    assert len({next(iter(group)) for group in groups.values()}) == len(groups)
    assert len({next(iter(cell)) for cell in places.values()}) == len(places)


def test_groups_are_numbered_in_order_of_appearance_and_all_large_places_are_there(tmp_path):
    pitts30k(tmp_path / 'in')
    written = {city.name: city for city in unify('pitts30k', tmp_path / 'in', tmp_path / 'out')}
    order, members = [], defaultdict(lambda: defaultdict(int))
    for side in ('database', 'queries'):
        for name in sorted(path.name for path in (tmp_path / 'in' / side).iterdir()):
            cell = UNIFIED_DATASETS['pitts30k'].cells.of(
                *position(name), int(name.split('@')[8]) % 12 * 30
            )
            if cell.group not in order:
                order.append(cell.group)
            members[cell.group][cell.place] += 1
    for i, group in enumerate(order):
        large = [count for count in members[group].values() if count >= 4]
        city = written.get(f'Pitts30k{i}')
        assert (city.places, city.images) == (len(large), sum(large)) if large else city is None


def test_one_group_of_sf_xl_is_used_and_has_no_number(tmp_path):
    cities = list(unify('sf-xl', sf_xl(tmp_path / 'in'), tmp_path / 'out'))
    assert [city.name for city in cities] == ['SFXL']
    assert (tmp_path / 'out' / 'Dataframes' / 'SFXL.csv').is_file()


def test_msls_keeps_its_validation_back_and_leaves_panoramas_and_missing_images_out(tmp_path):
    list(unify('msls', msls(tmp_path / 'in'), tmp_path / 'out'))
    names = [path.stem for path in (tmp_path / 'out' / 'Dataframes').iterdir()]
    assert {name.rstrip('0123456789') for name in names} == {'Trondheim', 'london'}
    keys = [path.stem[-3:] for path in (tmp_path / 'out' / 'Images').rglob('*.jpg')]
    assert len(keys) > 20
    assert not any(key.endswith('9') or key == '005' for key in keys)


@pytest.mark.parametrize('transfer', Transfer)
@pytest.mark.parametrize('dataset', TREES)
def test_second_run_changes_nothing(dataset, transfer, tmp_path):
    TREES[dataset](tmp_path / 'in')
    first = list(unify(dataset, tmp_path / 'in', tmp_path / 'out', transfer))

    def stamps() -> dict[Path, int]:
        files = (tmp_path / 'out' / 'Images').rglob('*.jpg')
        return {path: path.lstat().st_ctime_ns for path in files}

    before, data = stamps(), contents(tmp_path / 'out')
    assert list(unify(dataset, tmp_path / 'in', tmp_path / 'out', transfer)) == first
    assert stamps() == before
    assert contents(tmp_path / 'out') == data


class StopError(Exception):
    pass


@pytest.mark.parametrize('after', [0, 1, 7, 19, 33])
def test_stopped_between_any_two_images_and_run_again_gives_the_same(after, tmp_path, monkeypatch):
    pitts30k(tmp_path / 'in')
    list(unify('pitts30k', tmp_path / 'in', tmp_path / 'whole'))
    transfer, left = unify_module._transfer, [after]

    def stopping(*args) -> None:
        if not left[0]:
            raise StopError
        left[0] -= 1
        transfer(*args)

    monkeypatch.setattr(unify_module, '_transfer', stopping)
    with pytest.raises(StopError):
        list(unify('pitts30k', tmp_path / 'in', tmp_path / 'out'))
    for table in (tmp_path / 'out').glob('Dataframes/*.csv'):
        assert table.read_bytes() == (tmp_path / 'whole' / 'Dataframes' / table.name).read_bytes()
    monkeypatch.setattr(unify_module, '_transfer', transfer)
    list(unify('pitts30k', tmp_path / 'in', tmp_path / 'out'))
    assert contents(tmp_path / 'out') == contents(tmp_path / 'whole')


KILLED = """
import os, shutil, signal, sys
from pathlib import Path
from vpr_ros.cli.main import main

left = int(sys.argv[1])

def copy(source, target):
    global left
    data = Path(source).read_bytes()
    if left == 0:
        Path(target).write_bytes(data[: len(data) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    Path(target).write_bytes(data)

shutil.copyfile = copy
main(['dataset', 'unify', 'msls', sys.argv[2], '--output', sys.argv[3], '--transfer', 'copy'])
"""


def test_killed_in_the_middle_of_an_image_and_run_again_gives_the_same(tmp_path):
    msls(tmp_path / 'in')
    list(unify('msls', tmp_path / 'in', tmp_path / 'whole', Transfer.COPY))
    folders = [str(tmp_path / 'in'), str(tmp_path / 'out')]
    run = [sys.executable, '-c', KILLED]
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    codes = [
        subprocess.run([*run, left, *folders], env=environment, check=False).returncode
        for left in ('3', '14', '100000')
    ]
    assert codes == [-signal.SIGKILL, -signal.SIGKILL, 0]
    assert contents(tmp_path / 'out') == contents(tmp_path / 'whole')


def test_what_other_data_left_at_its_place_goes(tmp_path):
    pitts30k(tmp_path / 'in')
    for image in list((tmp_path / 'in' / 'database').iterdir())[:60]:
        image.rename(tmp_path / image.name)
    list(unify('pitts30k', tmp_path / 'in', tmp_path / 'out'))
    for image in tmp_path.glob('@*.jpg'):
        image.rename(tmp_path / 'in' / 'database' / image.name)
    list(unify('pitts30k', tmp_path / 'in', tmp_path / 'out'))
    list(unify('pitts30k', tmp_path / 'in', tmp_path / 'whole'))
    assert contents(tmp_path / 'out') == contents(tmp_path / 'whole')


def test_output_does_not_depend_on_where_the_data_set_lies(tmp_path):
    for place in ('a', 'b'):
        list(unify('pitts30k', pitts30k(tmp_path / place / 'in'), tmp_path / place / 'out'))
    assert contents(tmp_path / 'a' / 'out') == contents(tmp_path / 'b' / 'out')


def test_links_that_cannot_be_made_say_what_else_there_is(tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(18, 'Invalid cross-device link')

    monkeypatch.setattr(Path, 'hardlink_to', refuse)
    with pytest.raises(TrainingDataError, match='choose symlink or copy'):
        list(unify('pitts30k', pitts30k(tmp_path / 'in'), tmp_path / 'out'))


@pytest.mark.parametrize('dataset', TREES)
def test_folder_that_is_laid_out_otherwise_is_refused(dataset, tmp_path):
    write_pixel(tmp_path / 'in' / 'a.jpg', 0)
    with pytest.raises(TrainingDataError):
        list(unify(dataset, tmp_path / 'in', tmp_path / 'out'))
    assert not (tmp_path / 'out').exists()


def test_table_without_a_column_is_named(tmp_path):
    table = msls(tmp_path / 'in') / 'train_val' / 'london' / 'query' / 'raw.csv'
    table.write_text(table.read_text('utf-8').replace('captured_at', 'taken_at'))
    with pytest.raises(TrainingDataError, match=r'london/query/raw.csv lacks .* captured_at'):
        list(unify('msls', tmp_path / 'in', tmp_path / 'out'))
