# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest
from dataset_sample import picture, street, utm_name, write

from vpr_ros.evaluation import Tolerance
from vpr_ros.evaluation.dataset_findings import Finding, Subject
from vpr_ros.evaluation.dataset_lint import lint, mock_step
from vpr_ros.evaluation.datasets import FRAMES, UTM
from vpr_ros.inputs.folders import images_in, unread_in


def looked(root, form=UTM, distance=25.0, folders=('database', 'queries')):
    base = root / 'images' / 'test' if (root / 'images').exists() else root
    sides = [base / name for name in folders]
    unread = [path for side in sides for path in unread_in(side)]
    what = Subject(root, form, *map(images_in, sides), Tolerance(distance), unread)
    return {f.code: f for f in lint(what)}


def named(root, database, queries, form=UTM, distance=25.0):
    """Lint lists of names without any files behind them, for the checks that read none."""
    sets = (
        [root / side / name for name in names]
        for side, names in (('database', database), ('queries', queries))
    )
    return Subject(root, form, *sets, Tolerance(distance))


def codes(subject, *checks):
    return {f.code: f for check in checks for f in check(subject)}


def mock(number, step):
    return f'@0@{number * step:07.1f}@@@@@{number}@@@@@@@@.jpg'


def test_nothing_is_said_about_a_good_data_set(tmp_path):
    assert looked(street(tmp_path / 'town')) == {}


def test_names_that_say_nothing_are_errors_with_an_example(tmp_path):
    root = street(tmp_path / 'town', 3, 3)
    write(root / 'images/test/queries', {'IMG_1.jpg': picture(0), '@a@b@.jpg': picture(1)})
    found = looked(root)['name-without-coordinates']
    assert (found.level, found.count) == ('error', 2)
    assert found.example in ('IMG_1.jpg', '@a@b@.jpg')


def test_an_at_sign_in_a_parent_folder_is_named(tmp_path):
    found = looked(street(tmp_path / 'me@home' / 'town', 2, 2))
    assert found['at-sign-in-folder'].level == 'warning'
    assert 'name-without-coordinates' not in found


def test_names_with_fewer_fields_and_without_zone_are_noted(tmp_path):
    sides = {
        side: {f'@{5e5 + 40 * i + s}@5500000@.jpg': picture(10 * i + s) for i in range(2)}
        for s, side in enumerate(('database', 'queries'))
    }
    for side, pictures in sides.items():
        # Two norths, or the coordinates would count as mock ones.
        write(
            tmp_path / side,
            {**pictures, f'@500200@5500100@{side[0]}@.jpg': picture(99 if side[0] == 'q' else 98)},
        )
    found = looked(tmp_path)
    assert found['fields-missing'].count == 6
    assert found['zone-missing'].level == 'note'


@pytest.mark.parametrize(('shift', 'level'), [(0, 'error'), (200_000, 'note')])
def test_mixed_zones_are_an_error_only_where_their_numbers_meet(tmp_path, shift, level):
    root = street(tmp_path / 'town', 3, 3, zone='32@U')
    extra = {
        utm_name(
            500_000 + shift + 10 * i, 5_400_000 + 100_000 * (shift == 0), zone='33@U'
        ): picture(50 + i)
        for i in range(2)
    }
    write(root / 'images/test/database', extra)
    found = looked(root)['mixed-zones']
    assert (found.level, found.count) == (level, 2)
    assert '32N, 33N' in found.what


def test_exchanged_coordinates_are_outside_utm(tmp_path):
    write(
        tmp_path / 'database',
        {utm_name(5_500_000, 500_000): picture(0), utm_name(5_500_010, 500_010): picture(1)},
    )
    write(tmp_path / 'queries', {utm_name(5_500_000, 500_000, key='q'): picture(2)})
    assert looked(tmp_path)['outside-utm'].count == 3


def test_queries_without_positive_are_counted_and_bound_the_recall(tmp_path):
    found = looked(street(tmp_path / 'town', 6, 8, gap=30.0))['queries-without-positive']
    assert (found.level, found.count) == ('warning', 2)
    assert '75.0 %' in found.advice


def test_a_data_set_of_two_different_places_is_an_error(tmp_path):
    found = looked(street(tmp_path / 'town', start=90_000))
    assert found['queries-without-positive'].level == 'error'


def test_duplicates_and_queries_in_the_database_are_found(tmp_path):
    root = street(tmp_path / 'town', 3, 3)
    base = root / 'images/test'
    first = sorted((base / 'database').iterdir())[0]
    for copy in (base / 'database/copy' / first.name, base / 'queries' / first.name):
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(first.read_bytes())
    found = looked(root)
    assert found['duplicate-names'].count == 1
    assert found['query-in-database'].level == 'error'


def test_the_same_name_with_another_picture_is_no_duplicate(tmp_path):
    for side, seed in (('database', 0), ('queries', 50)):
        write(tmp_path / side, {mock(i, 2.38): picture(seed + i) for i in range(4)})
    assert 'query-in-database' not in looked(tmp_path)


def test_images_that_do_not_decode_are_named_with_the_reason(tmp_path):
    root = street(tmp_path / 'town', 3, 3)
    sorted((root / 'images/test/database').iterdir())[1].write_bytes(b'GIF')
    found = looked(root)['unreadable-images']
    assert (found.level, found.count) == ('error', 1)
    assert 'database' in found.what


def test_mock_coordinates_are_translated_into_images(tmp_path):
    for side, seed in (('database', 0), ('queries', 50)):
        write(tmp_path / side, {mock(i, 25 / 10.5): picture(seed + i) for i in range(30)})
    assert '±10 images' in looked(tmp_path)['mock-utm'].what
    assert '±1 images' in looked(tmp_path, distance=2.5)['mock-utm'].what
    subject = named(tmp_path, [mock(i, 1000) for i in range(5)], [mock(0, 1000)])
    from vpr_ros.evaluation import dataset_lint as module

    assert 'only the very image' in codes(subject, module._mock)['mock-utm'].what
    assert mock_step(subject.positions(subject.database).poses) == 1000


@pytest.mark.parametrize(
    ('database', 'queries', 'step', 'distance', 'wrong', 'advised'),
    [
        (27_592, 27_592, 25 / 10.5, 25.0, None, None),
        (27_592, 27_592, 25 / 1.5, 25.0, 1, 10),
        (27_592, 2_760, 25 / 10.5, 25.0, 10, 1),
        (27_592, 2_760, 25 / 1.5, 25.0, None, None),
        (3_450, 3_450, 25 / 10.5, 25.0, 10, 2),
        (3_450, 3_450, 25 / 10.5, 5.95, None, None),
    ],
)
def test_nordland_variants_want_their_own_tolerance(
    database, queries, step, distance, wrong, advised
):
    from vpr_ros.evaluation import dataset_lint as module

    every = database // queries
    subject = named(
        Path('/data/nordland'),
        [mock(i, step) for i in range(database)],
        [mock(every * i, step) for i in range(queries)],
        distance=distance,
    )
    found = codes(subject, module._sizes, module._nordland_tolerance)
    assert 'Nordland' in found['known-data-set'].what
    if wrong is None:
        assert 'nordland-tolerance' not in found
        return
    finding = found['nordland-tolerance']
    assert finding.what.endswith(f'here it would be ±{wrong}')
    threshold = float(finding.advice.split()[3])
    again = named(
        subject.root,
        [p.name for p in subject.database],
        [p.name for p in subject.queries],
        distance=threshold,
    )
    assert codes(again, module._nordland_tolerance) == {}
    assert f'±{advised} frames' in finding.advice


def test_an_unknown_nordland_is_doubted():
    from vpr_ros.evaluation import dataset_lint as module

    subject = named(Path('/data/nordland'), ['a.jpg'] * 27_000, ['b.jpg'] * 27_000)
    assert codes(subject, module._sizes)['nordland-variant'].level == 'warning'


@pytest.mark.parametrize(
    ('root', 'database', 'queries', 'words'),
    [
        ('/data/msls', 18_871, 11_084, 'the whole set'),
        ('/data/renamed', 18_871, 11_084, 'the whole set'),
        ('/data/msls', 18_871, 747, 'GSV-Cities'),
        ('/data/msls', 18_871, 740, None),
        ('/data/town', 500, 11_000, None),
    ],
)
def test_msls_with_other_queries_than_the_official_is_an_error(root, database, queries, words):
    from vpr_ros.evaluation import dataset_lint as module

    subject = named(Path(root), ['a.jpg'] * database, ['b.jpg'] * queries)
    found = codes(subject, module._msls)
    if words is None:
        assert found == {}
    else:
        assert words in found['msls-queries'].what
        assert 'the official keys' in found['msls-queries'].advice


def test_traverses_of_unequal_length_or_with_gaps_are_doubted(tmp_path):
    write(tmp_path / 'database', {f'Image{i:03}.jpg': picture(i) for i in range(6)})
    write(tmp_path / 'queries', {f'Image{i:03}.jpg': picture(20 + i) for i in range(6) if i != 3})
    found = looked(tmp_path, FRAMES, 2)
    assert found['unequal-traverses'].count == 1
    assert found['numbers-missing'].example == 'Image002.jpg'
    assert not any(code in found for code in ('name-without-coordinates', 'mock-utm'))


def test_pictures_of_kinds_that_are_not_read_are_named(tmp_path):
    write(tmp_path / 'database', {f'{i}.jpg': picture(i) for i in range(12) if i != 3})
    write(tmp_path / 'queries', {f'{i}.jpg': picture(20 + i) for i in range(12)})
    (tmp_path / 'database' / '3.DNG').write_bytes(b'raw')
    found = looked(tmp_path, FRAMES, 2)
    assert found['images-left-out'].level == 'error'
    assert found['images-left-out'].count == 1
    assert 'database/3.DNG (.dng is not read' in found['images-left-out'].what
    assert found['numbers-missing'].example == '2.jpg'


def test_the_worst_comes_first(tmp_path):
    root = street(tmp_path / 'me@home', 6, 8, gap=30.0)
    write(root / 'images/test/queries', {'x.jpg': picture(3)})
    levels = [f.level for f in looked(root).values()]
    assert levels == sorted(levels, key=['error', 'warning', 'note'].index)
    assert isinstance(next(iter(looked(root).values())), Finding)
