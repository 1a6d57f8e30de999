# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Maps that no damage makes: any value in any field, with checksums that are right."""

from __future__ import annotations

import io
import os
import re
import sys
from pathlib import Path

import hostile
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

import crafted_maps
from commands import run

from vpr_ros.cli.map_contents import show as show_contents
from vpr_ros.errors import MapError, VprError
from vpr_ros.geometry import GeoPoint, Pose
from vpr_ros.maps import PlaceMap, map_export, verify
from vpr_ros.search import Retriever

MANY = int(os.environ.get('CRAFTED_MAPS', '2000'))
"""Maps that `make test-hostile` crafts; `CRAFTED_MAPS=20000 make test-hostile` crafts more."""
MOUNT = Pose.planar(0, 1, 2)


@pytest.fixture(scope='module')
def bases(tmp_path_factory):
    return crafted_maps.sound_maps(tmp_path_factory.mktemp('sound'))


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    return tmp_path_factory.mktemp('crafted') / 'town.vprmap'


def use(place_map, base):
    """Do with a map all that is done with maps; return the similarities found."""
    show_contents(place_map.info())
    place_map.session_list()
    for each in place_map.places(place_map.ids):
        place_map.thumbnail(each.id)
    place_map.snapshot.on_earth()
    place_map.snapshot.within(GeoPoint(48, 11), 100)
    place_map.snapshot.within([0, 0, 0], 100)
    place_map.preload()
    query = crafted_maps.query_for(place_map, base)
    found = Retriever(place_map).search(query, k=5, candidates=6)
    found.seen_through(MOUNT).places()
    map_export.write_csv(place_map, io.StringIO(newline=''))
    map_export.write_geojson(place_map, io.StringIO())
    map_export.write_tum(place_map, io.StringIO(), ids=False)
    return found.similarities


def judge(path, base):
    """Use a crafted map; it is refused in words, or all it says makes sense."""
    problems = verify(path)
    assert all(len(problem) < 3000 for problem in problems)
    try:
        with PlaceMap.open(path) as place_map:
            assert place_map.verify() == problems
            similarities = use(place_map, base)
    except VprError:
        assert problems
        hostile.survived()
    else:
        assert (np.abs(similarities) < 4.1).all()  # NaN is not


ALL = 'UPDATE places SET '
ZERO = [0, 0, 0, 0, 0, 0, 0]
REFUSED = {
    'descriptors longer than the query': ({'reduced_dim': 40}, 'shortened'),
    'descriptors as long as they were': ({'reduced_dim': 24, 'reducer': 'pca-0'}, 'shortened'),
    'no descriptors': ({'model': {'descriptor_dim': 0}}, '0 elements'),
    'endless descriptors': ({'model': {'descriptor_dim': 2**62}}, 'elements'),
    'codes of another length': ({'code_bits': 64}, 'not those of the model'),
    'codes of a part of a byte': ({'code_bits': 63}, '63 bits'),
    'codes of less than nothing': ({'code_bits': -64}, '-64 bits'),
    'codes longer in the model': ({'model': {'code_bits': 1024}}, 'not those of the model'),
    'codes without a head': ({'model': {'code_bits': 0}}, 'without a coder'),
    'codes by no coder': ({'coder': ''}, 'not those of the model'),
    'identity that is none': ({'id': '\x1f'}, 'no identity of a map'),
    'empty identity': ({'id': ''}, 'no identity of a map'),
    'frame that is a number': ({'frame_id': 7}, 'frame_id must be text, not 7'),
    'frame that is no text': ({'frame_id': '\ud800'}, 'not valid Unicode'),
    'frame with a long name': ({'frame_id': 'x' * 5000}, '5000 characters'),
    'model with a long name': ({'model': {'name': 'x' * 5000}}, '5000 characters'),
    'frame of a session with a long name': ({'frames': {'1': 'x' * 5000}}, '5000 characters'),
    'session with a long name': ('UPDATE sessions SET name = hex(zeroblob(4000))', '8000 char'),
    'camera with a long name': ('UPDATE cameras SET name = hex(zeroblob(4000))', '8000 char'),
    'mounts in a list': ({'mounts': [1]}, 'mounts must be a mapping'),
    'mount of six numbers': ({'mounts': {'1': ZERO[1:]}}, 'no pose'),
    'mount without direction': ({'mounts': {'1': ZERO}}, 'no pose'),
    'mount far away': ({'mounts': {'1': [1e160, 0, 0, 0, 0, 0, 1]}}, 'no pose'),
    'mount of texts': ({'mounts': {'1': ['a'] * 7}}, 'must be a number'),
    'mount of nothing': ({'mounts': {'x': [*ZERO[1:], 1]}}, 'no pose'),
    'mount of another camera': ({'mounts': {'9': [*ZERO[1:], 1]}}, 'is missing'),
    'frame of another session': ({'frames': {'9': 'odom'}}, 'is missing'),
    'frame without a name': ({'frames': {'1': ''}}, 'no name'),
    'datum off Earth': ({'datum': {'lat': 95}}, 'no place on Earth'),
    'datum in the sky': ({'datum': {'alt': 1e300}}, 'no place on Earth'),
    'datum of texts': ({'datum': {'lat': 'north'}}, 'datum.lat must be a number'),
    'datum in a list': ({'datum': [48, 11, 0]}, 'datum must be a mapping'),
    'deep JSON': ({'frame_id': crafted_maps.Raw('[' * 10**5)}, 'nested too deeply'),
    'long integer': ({'created': crafted_maps.Raw('9' * 5000)}, '5000 digits'),
    'infinite number': ({'created': crafted_maps.Raw('Infinity')}, 'no number of JSON'),
    'no JSON': ({'created': crafted_maps.Raw('{')}, 'frame_id|Expecting'),
    'unknown field': ({'run': 'this'}, 'unknown key run'),
    'unknown field of the model': ({'model': {'run': 'this'}}, 'unknown key model.run'),
    'truth as a number': ({'revision': True}, 'revision must be a whole number'),
    'counter at its end': ({'version': 2**63 - 1}, 'counter'),
    'next place that is there': ({'next_place': 14}, 'number of places|next identity'),
    'next session that is there': ({'next_session': 2}, 'next identity'),
    'latitude 95': (f'{ALL} latitude = 95', 'place 1 has a position'),
    'longitude without latitude': (f'{ALL} latitude = NULL', 'place 1 has a position'),
    'infinite height': (f'{ALL} altitude = 9e999', 'place 1 has a position'),
    'infinite pose': (f'{ALL} y = 9e999 WHERE id = 3', 'place 3 has a pose'),
    'pose far away': (f'{ALL} x = 1e160', 'place 1 has a pose'),
    'half a pose': (f'{ALL} z = NULL', 'place 1 has a pose'),
    'zero quaternion': (f'{ALL} qx = 0, qy = 0, qz = 0, qw = 0', 'place 1 has a pose'),
    'quaternion of length 2': (f'{ALL} qx = 0, qy = 0, qz = 0, qw = 2', 'place 1 has a pose'),
    'infinite distance': (f'{ALL} distance = -9e999', 'place 1 has an impossible distance'),
    'covariance of one number': (f"{ALL} covariance = x'00000000'", 'makes no sense'),
    'infinite covariance': (
        f"{ALL} covariance = x'{'0000807f' * 21}'",
        'place 1 has a covariance',
    ),
    'short codes': (f'{ALL} code = zeroblob(7)', 'makes no sense'),
    'codes short and long': (f'{ALL} code = zeroblob(63 + 2 * (id % 2))', 'makes no sense'),
    'place of no identity': (f'{ALL} id = id - 20', 'of 14 places 0 can be read'),
    'descriptors that are no numbers': (
        f"UPDATE descriptors SET data = x'{'007e' * 24}'",
        'descriptor of place 1 has norm',
    ),
    'descriptors of any length': (
        f"UPDATE descriptors SET data = x'{'ff7b' * 24}'",
        'descriptor of place 1 has norm',
    ),
    'session named by bytes': ("UPDATE sessions SET name = x'ff'", 'session 1 makes no sense'),
    'session begun at a text': ("UPDATE sessions SET started = 'x'", 'session 1 makes no sense'),
    'session beyond messages': (
        'UPDATE sessions SET id = 5000000000 + id',
        'session 5000000001 makes no sense',
    ),
    'camera of no identity': ('UPDATE cameras SET id = -1', 'camera -1 makes no sense'),
}
"""Changes of the map with a hash head: of the metadata, or by SQL; and what is said of them."""


@pytest.mark.hostile
@pytest.mark.parametrize(('change', 'said'), REFUSED.values(), ids=list(REFUSED))
def test_map_that_contradicts_itself_is_refused_with_the_reason(bases, tmp_path, change, said):
    path = tmp_path / 'town.vprmap'
    path.write_bytes(bases[0].content)
    if isinstance(change, dict):
        crafted_maps.alter(path, **change)
    else:
        crafted_maps.alter(path, change)
    hostile.tried()
    problems = verify(path)
    assert any(re.search(said, problem) for problem in problems), problems
    with pytest.raises(MapError, match=said), PlaceMap.open(path) as place_map:
        use(place_map, bases[0])
    hostile.survived()


def test_map_that_is_made_anew_by_the_same_means_is_sound(bases, tmp_path):
    for base in bases:
        path = tmp_path / f'{base}.vprmap'
        path.write_bytes(base.content)
        crafted_maps.alter(path, 'UPDATE places SET x = x + 1', frame_id='other')
        assert verify(path) == []
        with PlaceMap.open(path) as place_map:
            assert len(use(place_map, base)) == 5


def test_poses_at_the_end_of_where_there_are_any_stay_poses(bases, tmp_path):
    path = tmp_path / 'town.vprmap'
    path.write_bytes(bases[0].content)
    end = [1e9, 1e9, 1e9, 0.5, 0.5, 0.5, 0.5]
    crafted_maps.alter(path, 'UPDATE places SET x = 1e9, y = -1e9, z = 1e9', mounts={'1': end})
    assert verify(path) == []
    with PlaceMap.open(path) as place_map:
        found = Retriever(place_map).search(bases[0].query)
        for pose in found.seen_through(MOUNT).poses:
            Pose.from_array(pose)


def test_names_in_a_map_control_no_terminal(bases, tmp_path, capsys):
    path = tmp_path / 'town.vprmap'
    path.write_bytes(bases[0].content)
    hostile_name = '\x1b[2J\x1b]0;owned\x07\u202e'
    crafted_maps.alter(
        path,
        f"UPDATE sessions SET name = '{hostile_name}', started = {2**63 - 1}",
        f"UPDATE cameras SET name = '{hostile_name}'",
        frame_id=hostile_name,
        created_by=hostile_name,
        frames={'1': hostile_name},
        model={'name': hostile_name, 'weights_id': hostile_name},
    )
    assert verify(path) == []
    run('map', 'info', path)
    run('map', 'info', path, '--json')
    run('map', 'verify', path)
    run('query', path, tmp_path / 'no.jpg')
    crafted_maps.alter(path, created=hostile_name, storage=hostile_name)
    run('map', 'info', path)
    told = ''.join(capsys.readouterr())
    assert 'owned' in told
    assert not set(told) & {'\x1b', '\x07', '\u202e'}


@pytest.mark.hostile
@hostile.examples(150, MANY)
@given(data=st.data())
def test_map_with_any_value_is_refused_in_words_or_makes_sense(bases, place, data):
    base = data.draw(st.sampled_from(bases))
    place.write_bytes(base.content)
    crafted_maps.craft(place, data.draw)
    hostile.tried()
    before = place.read_bytes()
    judge(place, base)
    assert place.read_bytes() == before
