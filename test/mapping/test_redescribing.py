# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Places described anew by another model, from images with their stamps or from thumbnails."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from vpr_ros.errors import BagError, ImageError, MapError, MapModelError
from vpr_ros.geometry import Datum, GeoPoint, Pose
from vpr_ros.inputs.bags.bag import Topic
from vpr_ros.inputs.frames.thumbnail_codec import encode_thumbnail
from vpr_ros.mapping.redescribing import PlaceImages, images_of, redescribe
from vpr_ros.maps import MapWriter, NewPlace, PlaceMap, changed_copy
from vpr_ros.types import Description, ModelInfo

OLD = ModelInfo('net', 'first edition', 32, 64, 'resize', trained=True)
NEW = ModelInfo('net', 'second edition', 48, 16, 'resize', trained=True)
HASHLESS = replace(NEW, name='plain', code_bits=0)


class Describer:
    """Describes a picture by its first grey value."""

    def __init__(self, info=NEW):
        self.model_info = info
        self.described = 0

    def describe(self, images):
        self.described += len(images)
        return [describe(self.model_info, int(image[0, 0, 0])) for image in images]


def describe(info, number):
    rng = np.random.default_rng(number)
    vector = rng.standard_normal(info.descriptor_dim).astype(np.float32)
    code = rng.integers(0, 256, info.code_bits // 8, np.uint8) if info.code_bits else None
    return Description(vector / np.linalg.norm(vector), code)


def picture(number):
    return np.full((24, 32, 3), number, np.uint8)


def frame(stamp, number, camera='front'):
    return SimpleNamespace(stamp=stamp, camera=camera, rgb=picture(number))


class Unreadable(SimpleNamespace):
    @property
    def rgb(self):
        raise ImageError('broken')


@pytest.fixture
def path(tmp_path):
    """A map of two sessions, each of six images of two cameras, the first four with thumbnails."""
    path = tmp_path / 'town.vprmap'
    with MapWriter.create(path, OLD, datum=Datum(48, 11)) as place_map:
        for name in ('morning', 'evening'):
            session = place_map.begin_session(name, 7)
            place_map.add(
                [
                    NewPlace(
                        describe(OLD, 100 + i),
                        session,
                        10 * session + i // 2,
                        Pose.planar(i, 0, 0),
                        covariance=np.eye(6),
                        geo=GeoPoint(48, 11, i),
                        camera='front' if i % 2 == 0 else 'rear',
                        distance=i,
                        thumbnail=encode_thumbnail(picture(20 * i), 32) if i < 4 else None,
                    )
                    for i in range(6)
                ]
            )
    return path


def source(frames, name='', session=None):
    return PlaceImages(frames, name, session)


def all_frames(session):
    """The images of a session; those of the cameras have the same stamps."""
    return [
        frame(10 * session + i // 2, 20 * i + session, 'front' if i % 2 == 0 else 'rear')
        for i in range(6)
    ]


def kept(place_map):
    """All that must stay, thumbnails included."""
    places = place_map.places(place_map.ids)
    values = [
        (
            p.id,
            p.session,
            p.stamp,
            p.pose.as_array().tolist(),
            p.covariance.tolist(),
            p.geo,
            p.camera,
            p.distance,
            place_map.thumbnail(p.id),
        )
        for p in places
    ]
    return values, place_map.session_list(), place_map.id, place_map.datum


def found(place_map, number, info=NEW):
    """Return the row of the place that a picture was described for."""
    wanted = describe(info, number).descriptor
    similarities = place_map.descriptors(range(len(place_map))) @ wanted
    assert similarities.max() > 0.999
    return int(similarities.argmax())


def test_places_are_described_from_the_images_with_their_stamps_and_cameras(path):
    with PlaceMap.open(path) as place_map:
        before = kept(place_map)
    told = []
    with MapWriter.open(path) as place_map:
        describer = Describer()
        foreign = [frame(999, 5), frame(10, 5, 'roof')]
        done = redescribe(
            place_map,
            describer,
            [source(foreign + all_frames(1)), source(all_frames(2))],
            progress=lambda *now: told.append(now),
        )
    assert (done.from_bags, done.from_thumbnails, done.dropped) == (12, 0, 0)
    assert (describer.described, told[-1]) == (12, (12, 12))
    with PlaceMap.open(path, model=NEW) as place_map:
        assert place_map.verify() == []
        assert kept(place_map) == before
        for session in (1, 2):
            for i in range(6):
                row = found(place_map, 20 * i + session)
                assert row == 6 * (session - 1) + i
                assert np.array_equal(place_map.codes[row], describe(NEW, 20 * i + session).code)


def test_one_bag_mapped_twice_describes_both_sessions(tmp_path):
    path = tmp_path / 'twice.vprmap'
    with MapWriter.create(path, OLD) as place_map:
        for name in ('once', 'twice'):
            session = place_map.begin_session(name, 0)
            place_map.add([NewPlace(describe(OLD, 1), session, 5)])
        done = redescribe(place_map, Describer(), [source([frame(5, 40, '')])])
        assert done.from_bags == 2
        assert np.array_equal(*place_map.descriptors([0, 1]))


@pytest.fixture
def restarted(tmp_path):
    """A map of two drives in a simulator whose clock began anew."""
    path = tmp_path / 'simulated.vprmap'
    with MapWriter.create(path, OLD) as place_map:
        for name in ('first', 'second'):
            session = place_map.begin_session(name, 0)
            place_map.add([NewPlace(describe(OLD, 1), session, 5)])
    return path


@pytest.mark.parametrize(
    ('first', 'second'),
    [(('first',), ('second',)), (('a', 1), ('b', 2)), (('second', 1), ('first', 2))],
)
def test_drives_with_the_same_stamps_are_told_by_name_or_session(restarted, first, second):
    drives = [source([frame(5, 40, '')], *first), source([frame(5, 80, '')], *second)]
    with MapWriter.open(restarted) as place_map:
        redescribe(place_map, Describer(), drives)
        assert (found(place_map, 40), found(place_map, 80)) == (0, 1)


def test_drives_with_the_same_stamps_that_nothing_tells_apart_are_refused(restarted):
    drives = [source([frame(5, 40, '')], 'a'), source([frame(5, 80, '')], 'b')]
    reason = r'\(a, b\) have the stamps of session 1 .*as 1=BAG'
    with MapWriter.open(restarted) as place_map, pytest.raises(MapError, match=reason):
        redescribe(place_map, Describer(), drives)


def test_photographs_without_times_are_not_confused(tmp_path):
    with MapWriter.create(tmp_path / 'photos.vprmap', OLD) as place_map:
        session = place_map.begin_session('photos', 0)
        places = [
            NewPlace(describe(OLD, i), session, 0, thumbnail=encode_thumbnail(picture(n), 32))
            for i, n in enumerate((30, 60))
        ]
        place_map.add(places)
        done = redescribe(place_map, Describer(), [source([frame(0, 200, '')])])
        assert (done.from_bags, done.from_thumbnails) == (0, 2)
        assert [found(place_map, n) for n in (30, 60)] == [0, 1]


def test_thumbnails_stand_in_with_a_warning(path, caplog):
    with MapWriter.open(path) as place_map:
        place_map.delete([5, 6, 11, 12])
        done = redescribe(place_map, Describer(), [])
        assert (done.from_bags, done.from_thumbnails) == (0, 8)
        assert {found(place_map, 20 * i) % 4 for i in range(4)} == {0, 1, 2, 3}
    assert '8 of 8 places are described from their thumbnails' in caplog.text


def test_places_without_an_image_are_refused_before_anything_is_described(path):
    before = path.read_bytes()
    describer = Describer()
    with MapWriter.open(path) as place_map, pytest.raises(MapError) as refusal:
        redescribe(place_map, describer, [])
    assert 'no image of 4 of 12 places' in str(refusal.value)
    assert "the first is place 5 of camera 'front' at 12 ns" in str(refusal.value)
    assert 'drop-missing' in str(refusal.value)
    assert (describer.described, path.read_bytes()) == (0, before)


def test_places_without_an_image_are_deleted_on_demand(path):
    with MapWriter.open(path) as place_map:
        done = redescribe(place_map, Describer(), [source(all_frames(2))], drop_missing=True)
        assert (done.from_bags, done.from_thumbnails, done.dropped) == (6, 4, 2)
        assert place_map.ids.tolist() == [1, 2, 3, 4, 7, 8, 9, 10, 11, 12]
        assert found(place_map, 42) == 6
        assert place_map.verify() == []


def test_a_whole_map_is_never_deleted(path):
    with MapWriter.open(path) as place_map:
        place_map.delete([1, 2, 3, 4, 7, 8, 9, 10])
        with pytest.raises(MapError, match='no image of 4 of 4'):
            redescribe(place_map, Describer(), [], drop_missing=True)


def test_an_image_that_cannot_be_read_counts_as_none(path, caplog):
    broken = [Unreadable(stamp=each.stamp, camera=each.camera) for each in all_frames(1)]
    with MapWriter.open(path) as place_map:
        with pytest.raises(MapError, match='no image of 2 of 12'):
            redescribe(place_map, Describer(), [source(broken + all_frames(2))])
        assert place_map.model == OLD
    assert 'frame at 10 ns left out: broken' in caplog.text


def test_images_of_another_drive_are_refused(path):
    with MapWriter.open(path) as place_map, pytest.raises(MapError, match='has the stamp of a'):
        redescribe(place_map, Describer(), [source([frame(999, 1)])])


@pytest.mark.parametrize('info', [HASHLESS, NEW])
def test_codes_and_lengths_fitted_on_the_map_are_fitted_again(path, info):
    with MapWriter.open(path) as place_map:
        redescribe(place_map, Describer(HASHLESS), [source(all_frames(1)), source(all_frames(2))])
        place_map.recode(bits=8, dim=16, storage='int8')
        before = place_map.info()
        redescribe(
            place_map,
            Describer(replace(info, name='later')),
            [source(all_frames(1)), source(all_frames(2))],
        )
        about = place_map.info()
        assert (about.descriptor_dim, about.storage) == (16, 'int8')
        if info.code_bits:
            assert (about.code_bits, about.coder) == (16, 'hash-head')
        else:
            assert about.code_bits == before.code_bits == 8
            assert about.coder.startswith('itq-')
        query = place_map.snapshot.query_of(describe(info, 21))
        similarities = place_map.descriptors(range(12)) @ query[0]
        assert similarities.argmax() == 1
        assert np.array_equal(query[1], place_map.codes[1])
        assert place_map.verify() == []


def test_shortened_descriptors_stay_whole_where_the_model_is_shorter_still(path):
    tiny = replace(HASHLESS, descriptor_dim=24)
    with MapWriter.open(path) as place_map:
        redescribe(place_map, Describer(HASHLESS), [source(all_frames(1)), source(all_frames(2))])
        place_map.recode(bits=8, dim=32)
        redescribe(place_map, Describer(tiny), [source(all_frames(1)), source(all_frames(2))])
        assert place_map.info().descriptor_dim == 24
        assert found(place_map, 21, tiny) == 1


def test_a_reader_keeps_what_it_has_read_and_is_told_of_the_other_model(path):
    with PlaceMap.open(path, model=OLD) as reader, PlaceMap.open(path) as any_model:
        reader.preload()
        before = reader.descriptors(range(12))
        with MapWriter.open(path) as place_map:
            redescribe(place_map, Describer(), [source(all_frames(1)), source(all_frames(2))])
        assert np.array_equal(reader.descriptors(range(12)), before)
        with pytest.raises(
            MapModelError, match=r'second edition.*anew with net .`vpr map redescribe`'
        ):
            reader.refresh()
        assert np.array_equal(reader.descriptors(range(12)), before)
        assert any_model.refresh()
        assert any_model.model == NEW


def test_a_copy_appears_whole_or_not_at_all(path, tmp_path):
    target, before = tmp_path / 'new.vprmap', path.read_bytes()
    with pytest.raises(MapError, match='no image'), changed_copy(path, target) as place_map:
        redescribe(place_map, Describer(), [])
    assert sorted(tmp_path.iterdir()) == [path]
    with changed_copy(path, target) as place_map:
        redescribe(place_map, Describer(), [source(all_frames(1)), source(all_frames(2))])
        assert not target.exists()
    assert path.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == [target, path]
    with PlaceMap.open(target, model=NEW) as place_map:
        assert found(place_map, 21) == 1


def bag_with(*names):
    topics = {name: Topic(name, 'sensor_msgs/msg/Image', 3) for name in names}
    return SimpleNamespace(
        path='bag',
        topics=topics,
        topics_of=lambda kinds: [t for t in topics.values() if t.type in kinds],
        require=topics.__getitem__,
        describe_topics=lambda: ', '.join(topics),
    )


@pytest.mark.parametrize(
    ('topics', 'cameras', 'named', 'chosen'),
    [
        (['/image'], [''], {}, {'/image': ''}),
        (['/image'], ['front'], {}, {'/image': 'front'}),
        (['/a', '/b'], ['front'], {'': '/b'}, {'/b': 'front'}),
        (['/a', '/b'], [''], {'': '/b'}, {'/b': ''}),
        (
            ['/front/image', '/rear/image'],
            ['front', 'rear'],
            {},
            {'/front/image': 'front', '/rear/image': 'rear'},
        ),
        (['/front/image', '/rear/image'], ['front'], {}, {'/front/image': 'front'}),
        (['/rear/image'], ['front', 'rear'], {}, {'/rear/image': 'rear'}),
        (['/front/image'], ['front', ''], {}, {'/front/image': 'front'}),
        (['/image'], ['front', ''], {}, {'/image': ''}),
        (
            ['/left', '/rear/image'],
            ['front', 'rear'],
            {'front': '/left'},
            {'/left': 'front', '/rear/image': 'rear'},
        ),
        (['/front/image'], ['front', 'rear'], {'rear': '/other'}, {'/front/image': 'front'}),
    ],
)
def test_topics_are_chosen_for_the_cameras(topics, cameras, named, chosen):
    assert images_of(bag_with(*topics), cameras, named).cameras == chosen


@pytest.mark.parametrize(
    ('topics', 'cameras', 'reason'),
    [
        (['/a', '/b'], [''], 'on several topics'),
        (['/a', '/b'], ['front', 'rear'], 'name their topics as CAMERA=TOPIC'),
        (['/front/a', '/front/b'], ['front'], "several topics of the camera 'front'"),
    ],
)
def test_topics_that_leave_a_choice_are_refused(topics, cameras, reason):
    with pytest.raises(BagError, match=reason):
        images_of(bag_with(*topics), cameras, {})
