# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Transactions nest, and an operation that refuses its arguments leaves the file as it was."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from vpr_ros.errors import MapError
from vpr_ros.geometry import Datum, Pose
from vpr_ros.maps import MapWriter, PlaceMap, verify

NAN_POSE = Pose(np.array([np.nan, 0, 0]), np.array([0, 0, 0, 1.0]))
LOPSIDED = np.arange(36.0).reshape(6, 6)


class Undo(Exception):  # noqa: N818
    """Raised within a transaction to undo it."""


def test_transaction_is_committed_as_one(filled, new_place):
    with MapWriter.open(filled) as writer, PlaceMap.open(filled) as reader:
        with writer.transaction():
            session = writer.begin_session('third', 5)
            (first,) = writer.add([new_place(1, session)])
            writer.delete([1])
            writer.update_poses([first], [Pose.of((7, 8, 9))])
            assert not reader.refresh()
            assert len(writer) == 40
        assert reader.refresh()
        for place_map in (writer, reader):
            assert len(place_map) == 40
            assert first in place_map.ids
            assert 1 not in place_map.ids
            np.testing.assert_array_equal(place_map.place(first).pose.position, (7, 8, 9))
    assert verify(filled) == []


def test_transaction_fills_an_empty_map(path, model, new_place):
    with MapWriter.create(path, model) as writer:
        with writer.transaction():
            session = writer.begin_session('first', 0)
            with writer.transaction():
                writer.add([new_place(1, session)])
        assert writer.ids.tolist() == [1]
    assert verify(path) == []


def test_transaction_that_raises_is_undone(filled, new_place):
    with MapWriter.open(filled) as writer:
        version = writer.version
        with pytest.raises(Undo), writer.transaction():  # noqa: PT012
            writer.add([new_place(1), new_place(2)])
            writer.delete_session(1)
            raise Undo
        assert (len(writer), writer.version) == (40, version)
        assert writer.add([new_place(3)]) == [41]
        np.testing.assert_allclose(
            writer.descriptors([40])[0], new_place(3).description.descriptor, atol=1e-3
        )
    assert verify(filled) == []


def test_inner_transaction_is_undone_alone(filled, new_place):
    with MapWriter.open(filled) as writer:
        with writer.transaction():
            writer.add([new_place(1)])
            with pytest.raises(Undo), writer.transaction():  # noqa: PT012
                writer.add([new_place(2), new_place(3)])
                raise Undo
            with writer.transaction():
                writer.add([new_place(4)])
        assert writer.ids[-2:].tolist() == [41, 42]
        for row, number in ((40, 1), (41, 4)):
            np.testing.assert_allclose(
                writer.descriptors([row])[0], new_place(number).description.descriptor, atol=1e-3
            )
    assert verify(filled) == []


def test_refused_operation_does_not_spoil_the_transaction_around_it(filled, new_place):
    with MapWriter.open(filled) as writer:
        with writer.transaction():
            writer.add([new_place(1)])
            with pytest.raises(MapError, match='no place'):
                writer.delete([999])
        assert len(writer) == 41
    assert verify(filled) == []


def test_other_threads_wait_for_the_end_of_a_transaction(filled, new_place):
    with MapWriter.open(filled) as writer:
        thread = threading.Thread(target=lambda: writer.add([new_place(2)]))
        with writer.transaction():
            thread.start()
            writer.add([new_place(1)])
        thread.join()
        assert writer.ids[-2:].tolist() == [41, 42]
    assert verify(filled) == []


def test_map_is_not_compacted_within_a_transaction(filled):
    with MapWriter.open(filled) as writer:
        with pytest.raises(MapError, match='within a transaction'), writer.transaction():
            writer.compact()
        assert writer.compact() >= 0


REFUSED = {
    'place with a bad pose': lambda m, new: m.add([new(1), new(2, pose=NAN_POSE)]),
    'place with a bad mount': lambda m, new: m.add([new(1, camera='x'), new(2, mount=NAN_POSE)]),
    'place with a bad covariance': lambda m, new: m.add([new(1, covariance=LOPSIDED)]),
    'place with a bad distance': lambda m, new: m.add([new(1, distance=np.inf)]),
    'place with a bad camera': lambda m, new: m.add([new(1, camera='a'), new(2, camera='\ud800')]),
    'place with a bad stamp': lambda m, new: m.add([replace(new(1, camera='new'), stamp=2**63)]),
    'place of no session': lambda m, new: m.add([new(1, 99)]),
    'session with a bad name': lambda m, _new: m.begin_session('\ud800', 0),
    'session with a bad stamp': lambda m, _new: m.begin_session('s', 2**63),
    'mount of no camera': lambda m, _new: m.set_mount('none', Pose.identity()),
    'bad mount': lambda m, _new: m.set_mount('front', NAN_POSE),
    'pose of no place': lambda m, _new: m.update_poses([999], [Pose.identity()]),
    'bad pose': lambda m, _new: m.update_poses([1, 2], [Pose.identity(), NAN_POSE]),
    'bad covariance': lambda m, _new: m.update_poses([1], [Pose.identity()], [LOPSIDED]),
    'two poses for a place': lambda m, _new: m.update_poses([1, 1], [Pose.identity()] * 2),
    'too few poses': lambda m, _new: m.update_poses([1, 2], [Pose.identity()]),
    'no such place': lambda m, _new: m.delete([1, 999]),
    'no such session': lambda m, _new: m.delete_session(99),
    'storage': lambda m, _new: m.recode(storage='foo'),
    'recoded length': lambda m, _new: m.recode(dim=0),
    'bits': lambda m, _new: m.recode(bits=7),
    'merged with itself': lambda m, _new: m.merge(m),
    'session to merge': lambda m, _new: m.merge(m, [99]),
    'compacted within': lambda m, _new: _compact_within(m),
}


def _compact_within(writer):
    with writer.transaction():
        writer.compact()


@pytest.mark.parametrize('name', REFUSED)
def test_refused_operation_leaves_the_file_as_it_was(filled, new_place, name):
    before = filled.read_bytes()
    with MapWriter.open(filled) as writer:
        with pytest.raises(MapError):
            REFUSED[name](writer, new_place)
        lock = filled.with_name(filled.name + '-lock')
        assert {file for file in filled.parent.iterdir() if file.is_file()} == {filled, lock}
        assert filled.read_bytes() == before
    assert filled.read_bytes() == before
    assert [file for file in filled.parent.iterdir() if file.is_file()] == [filled]


def test_second_datum_is_refused_and_leaves_the_file_as_it_was(filled):
    with MapWriter.open(filled) as writer:
        writer.set_datum(Datum(1, 2, 3))
    before = filled.read_bytes()
    with MapWriter.open(filled) as writer, pytest.raises(MapError, match='already'):
        writer.set_datum(Datum(4, 5, 6))
    assert filled.read_bytes() == before
