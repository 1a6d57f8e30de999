# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from dataset_sample import picture, street, utm_name, write
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros.evaluation import Tolerance
from vpr_ros.evaluation.datasets import (
    UTM,
    Dataset,
    ImageSet,
    folder_pair,
    frame_images,
    have_positives,
    listed,
    near,
    posed_pair,
    utm_images,
)
from vpr_ros.geometry import Pose
from vpr_ros.inputs.folders import FolderError, UtmName

centimetres = st.integers(0, 10**9)


def poses_at(*xs):
    return np.array([Pose.planar(x, 0, 0).as_array() for x in xs])


def image_set(folder, poses):
    return ImageSet(folder, tuple(folder / f'{i}.jpg' for i in range(len(poses))), poses)


@given(centimetres, centimetres, st.text('0123456789abc._-', max_size=8))
def test_complete_names_give_back_their_coordinates(east, north, key):
    name = UtmName.parse(utm_name(east / 100, north / 100, key=key))
    assert (name.east, name.north) == (east / 100, north / 100)
    assert name.zone == 32


@given(centimetres, st.integers(0, 10**5))
def test_threshold_is_inclusive_to_the_centimetre(start, reach):
    """25.00 m are within 25 m, whatever floating point makes of the difference."""
    at, other = start / 100, (start + reach) / 100
    assert near(poses_at(at), poses_at(other), Tolerance(reach / 100)).all()
    beyond = (start + reach + 1) / 100
    assert not near(poses_at(at), poses_at(beyond), Tolerance(reach / 100)).any()


def test_threshold_is_inclusive_where_plain_floats_are_not():
    pairs = [(i / 10, (i + 1) / 10) for i in range(1000)]
    assert any(b - a > 0.1 for a, b in pairs)
    assert all(near(poses_at(a), poses_at(b), Tolerance(0.1)).all() for a, b in pairs)


@given(
    st.lists(st.tuples(st.integers(-40, 40), st.integers(-40, 40)), max_size=12),
    st.lists(st.tuples(st.integers(-40, 40), st.integers(-40, 40)), max_size=12),
    st.integers(0, 30),
)
def test_positives_equal_brute_force(tmp_path_factory, database, queries, reach):
    folder = tmp_path_factory.getbasetemp()

    def rows(points):
        return np.array([Pose.planar(x, y, 0).as_array() for x, y in points]).reshape(-1, 7)

    dataset = Dataset(
        '',
        UTM,
        image_set(folder, rows(database)),
        image_set(folder, rows(queries)),
        Tolerance(reach),
    )
    expected = [
        any((x - a) ** 2 + (y - b) ** 2 <= reach**2 for a, b in database) for x, y in queries
    ]
    assert have_positives(dataset).tolist() == expected


def test_heading_counts_where_an_angle_is_asked_for(tmp_path):
    database = np.array([Pose.planar(0, 0, 0).as_array()])
    queries = np.array([Pose.planar(0, 0, yaw).as_array() for yaw in (0.1, 1.0)])
    dataset = Dataset(
        '',
        UTM,
        image_set(tmp_path, database),
        image_set(tmp_path, queries),
        Tolerance(25, 0.7),
    )
    assert have_positives(dataset).tolist() == [True, False]


def test_folders_are_found_at_every_level(tmp_path):
    root = street(tmp_path / 'town', 2, 2)
    expected = root / 'images/test/database', root / 'images/test/queries'
    for start in (root, root / 'images', root / 'images' / 'test'):
        assert folder_pair(start, 'test', 'database', 'queries') == expected
    with pytest.raises(FolderError, match='another split'):
        folder_pair(root, 'val', 'database', 'queries')
    with pytest.raises(FolderError, match='there is no such folder'):
        folder_pair(root / 'pitts30k', 'test', 'database', 'queries')


def test_an_at_sign_in_a_parent_folder_is_not_taken_for_a_position(tmp_path):
    folder = write(tmp_path / 'me@1@2@home', {utm_name(500_000, 5_500_000): picture(0)})
    assert utm_images(folder).poses[0, :2].tolist() == [500_000, 5_500_000]


def test_a_name_without_coordinates_is_named(tmp_path):
    folder = write(tmp_path, {utm_name(1, 2): picture(0), 'IMG_7.jpg': picture(1)})
    with pytest.raises(FolderError, match=r'of 2 images 1 do not say .*IMG_7'):
        utm_images(folder)


def test_frames_are_numbered_as_people_count(tmp_path):
    names = ['a/2.jpg', 'a/10.jpg', 'a-b/1.jpg', 'B/1.jpg']
    found = frame_images(write(tmp_path, {name: picture(0) for name in reversed(names)}))
    assert found.names == names
    assert found.poses[:, 0].tolist() == [0, 1, 2, 3]


def test_queries_are_chosen_by_keys_names_or_stems(tmp_path):
    root = street(tmp_path, 1, 4)
    queries = utm_images(root / 'images/test/queries')
    kept, unused = listed(queries, ['q2', 'q0', 'q9', queries.paths[3].stem])
    assert [UtmName.parse(p.name).east for p in kept.paths] == [500_001, 500_021, 500_031]
    assert kept.poses[:, 0].tolist() == [500_001, 500_021, 500_031]
    assert unused == ['q9']
    with pytest.raises(FolderError, match='none of the 4 queries'):
        listed(queries, ['elsewhere'])


def test_positions_on_earth_of_both_folders_share_one_frame(tmp_path, caplog):
    folders, tables = [], []
    for side, shift in (('day', 0.0), ('night', 1e-5)):
        folder = write(tmp_path / side, {f'{i}.jpg': picture(i) for i in range(3)})
        table = tmp_path / f'{side}.csv'
        lines = [f'{i}.jpg,{50 + 1e-4 * i + shift},9' for i in range(2)]
        table.write_text('file,lat,lon\n' + '\n'.join([*lines, '2.jpg,,']) + '\n')
        folders.append(folder)
        tables.append(table)
    database, queries = posed_pair('csv', tuple(folders), tuple(tables))
    apart = np.linalg.norm(queries.poses[:, :3] - database.poses[:2, :3], axis=1)
    np.testing.assert_allclose(apart, 1.11, atol=0.01)
    assert np.isnan(database.poses[2]).all()
    assert '1 queries left out' in caplog.text
    assert len(queries.paths) == 2
