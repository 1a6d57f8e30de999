# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Logs of another map, or not what they were: nothing is mixed, and no place lost unsaid."""

from __future__ import annotations

import random
import re
import shutil

import hostile
import pytest
from killed_writer import MODEL, OF_ONE_MAP, beside, copied, place, said_of, stamps_of, write

from vpr_ros.errors import MapDamagedError, MapError, MapExistsError, MapInUseError
from vpr_ros.maps import MapWriter, PlaceMap, copy, log_witness, recover, verify

CLOSED, LOGGED = 12, 9


@pytest.fixture(scope='module')
def killed(tmp_path_factory):
    """A map of 12 places that were closed and 9 in its log, whose writer was killed."""
    path = tmp_path_factory.mktemp('killed') / 'town.vprmap'
    write(path, CLOSED)
    return write(path, LOGGED, kill=True, first=CLOSED)


@pytest.fixture(autouse=True)
def impatience(monkeypatch):
    """Nobody writes to these maps, so that there is nothing to wait for."""
    monkeypatch.setattr(log_witness, '_PATIENCE', ())


@pytest.fixture(scope='module')
def other(tmp_path_factory):
    return write(tmp_path_factory.mktemp('other') / 'town.vprmap', 15, first=500)


def refused_and_left_alone(path, reason):
    """Check that nobody opens a map, and that no byte of it changes."""
    endings = [e for e in ('', '-wal', '-journal') if beside(path, e).exists()]
    before = [beside(path, ending).read_bytes() for ending in endings]
    for kind in (PlaceMap, MapWriter):
        with pytest.raises(MapError, match=reason):
            kind.open(path)
    assert any(re.search(reason, problem) for problem in verify(path))
    assert [beside(path, ending).read_bytes() for ending in endings] == before


def test_log_of_a_killed_writer_is_read_and_completed(killed, tmp_path):
    path = copied(killed, tmp_path / 'copy')
    assert said_of(path) == (list(range(21)), [])
    write(path, 2, first=100)
    assert said_of(path) == ([*range(21), 100, 101], [])
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize('endings', [('', '-wal'), ('', '-wal', '-lock'), ('', '-wal', '-shm')])
def test_map_and_its_log_may_be_copied_together(killed, tmp_path, endings):
    assert said_of(copied(killed, tmp_path / 'copy', endings)) == (list(range(21)), [])


def test_log_of_another_map_is_never_applied(killed, other, tmp_path):
    path = copied(killed, tmp_path / 'copy')
    shutil.copy(other, path)
    refused_and_left_alone(path, 'is of another map, or of another state')
    beside(path, '-lock').unlink()
    refused_and_left_alone(path, 'is of another map, or of another state')
    beside(path, '-wal').unlink()
    assert said_of(path) == (list(range(500, 515)), [])


def test_log_of_an_older_state_is_never_applied(killed, tmp_path):
    path = copied(killed, tmp_path / 'copy')
    write(path, 3, first=200)
    for ending in ('-wal', '-shm', '-lock'):
        shutil.copy(beside(killed, ending), path.parent)
        if ending != '-shm':
            refused_and_left_alone(path, 'is of another map, or of another state')


def test_log_is_never_applied_to_a_state_before_it_began(killed, tmp_path):
    before = write(tmp_path / 'town.vprmap', 3)
    later = copied(before, tmp_path / 'later')
    write(later, 4, first=10)
    write(later, 3, first=20, kill=True)
    for ending in ('-wal', '-shm'):
        shutil.copy(beside(later, ending), before.parent)
    refused_and_left_alone(before, 'is of another map, or of another state')


def test_log_is_never_applied_to_a_copy_that_went_another_way(tmp_path):
    """Both have as many versions; only the marks tell them apart."""
    one = write(tmp_path / 'town.vprmap', 3)
    two = copied(one, tmp_path / 'two')
    write(one, 4, first=10, kill=True)
    write(two, 4, first=20)
    shutil.copy(two, one)
    refused_and_left_alone(one, 'is of another map, or of another state')


def test_log_without_its_map_is_not_taken_for_a_new_one(killed, tmp_path):
    path = copied(killed, tmp_path / 'copy', ('-wal', '-shm', '-lock'))
    log = beside(path, '-wal').read_bytes()
    with pytest.raises(MapInUseError, match='belongs to a map that is gone'):
        MapWriter.create(path, MODEL)
    assert beside(path, '-wal').read_bytes() == log
    shutil.copy(killed, path)
    assert said_of(path) == (list(range(21)), [])


def test_map_whose_log_is_gone_says_how_many_places_are_missing(killed, tmp_path):
    path = copied(killed, tmp_path / 'copy', ('', '-lock'))
    refused_and_left_alone(path, r'of 21 acknowledged places 1[0-9] can be read.*vpr map recover')


def test_map_that_was_copied_without_its_log_is_read_with_a_warning(killed, tmp_path, caplog):
    path = copied(killed, tmp_path / 'copy', ('',))
    assert verify(path) == [
        'was not closed, and its log was not copied along: the last places may be missing'
    ]
    caplog.clear()
    found = stamps_of(path)
    assert found == list(range(len(found)))
    assert CLOSED <= len(found) < CLOSED + LOGGED
    assert 'was not copied along' in caplog.text
    write(path, 1, first=300)
    assert verify(path) == []


@pytest.mark.parametrize('look', [verify, stamps_of])
def test_writer_that_begins_between_two_looks_raises_no_doubt(tmp_path, monkeypatch, caplog, look):
    path = write(tmp_path / 'town.vprmap', 3)
    monkeypatch.setattr(log_witness, '_PATIENCE', (0.001,))
    read = log_witness._read
    with MapWriter.open(path) as writer:

        def read_after_the_first_write(*given):
            monkeypatch.setattr(log_witness, '_read', read)
            writer.add([place(10)])
            return read(*given)

        monkeypatch.setattr(log_witness, '_read', read_after_the_first_write)
        assert look(path) == ([] if look is verify else [0, 1, 2, 10])
    assert 'may be missing' not in caplog.text


def damage(log, chance):
    """Return a log that was cut off, or in which bits were flipped or parts were zeroed."""
    how = chance.randrange(4)
    if how == 0:
        return log[: chance.randrange(len(log))]
    damaged = bytearray(log)
    at = chance.randrange(100) if chance.random() < 0.1 else chance.randrange(len(log))
    if how == 1:
        damaged[at] ^= 1 << chance.randrange(8)
    elif how == 2:
        damaged[at : at + 512] = bytes(len(damaged[at : at + 512]))
    else:
        damaged[at : at + 8] = chance.randbytes(len(damaged[at : at + 8]))
    return bytes(damaged)


@pytest.mark.hostile
@pytest.mark.parametrize('endings', [OF_ONE_MAP, ('', '-wal', '-lock')])
def test_no_acknowledged_place_is_lost_unsaid_in_a_damaged_log(killed, tmp_path, endings):
    chance = random.Random(len(endings))
    path = copied(killed, tmp_path / 'copy', endings)
    log, everything = beside(killed, '-wal').read_bytes(), list(range(CLOSED + LOGGED))
    for _ in range(hostile.amount(10, 1000)):
        beside(path, '-wal').write_bytes(damage(log, chance))
        hostile.tried()
        found, problems = said_of(path)
        if found != everything:
            hostile.lost(0 if problems else CLOSED + LOGGED)
            assert found is None
            assert re.search(r'of 21 acknowledged places \d+ can be read', ' '.join(problems))
            hostile.survived()


@pytest.mark.hostile
def test_damage_within_a_log_is_told_by_the_log_alone(killed, tmp_path):
    """All but that of the last transaction, which a crash may leave like that."""
    chance = random.Random(7)
    path = copied(killed, tmp_path / 'copy', ('', '-wal'))
    log = beside(killed, '-wal').read_bytes()
    for _ in range(hostile.amount(8, 300)):
        altered = bytearray(log)
        altered[chance.randrange(40, int(0.7 * len(log)))] ^= 1 << chance.randrange(8)
        beside(path, '-wal').write_bytes(altered)
        hostile.tried()
        found, problems = said_of(path)
        if found != list(range(CLOSED + LOGGED)):
            assert found is None
            assert 'is altered within' in ' '.join(problems)
            hostile.survived()


@pytest.mark.hostile
def test_any_log_of_any_map_under_any_map_is_applied_or_refused(tmp_path):
    """Maps that have a part of their history in common, at all moments, with each other's logs."""
    chance = random.Random(3)
    states = [write(tmp_path / 'town.vprmap', 4)]
    for number in range(hostile.amount(5, 16)):
        path = copied(chance.choice(states), tmp_path / f'{number}')
        first = 100 * (number + 1)
        write(path, chance.randint(1, 5), first=first, kill=chance.random() < 0.7)
        states.append(path)
    truths = {path: stamps_of(path) for path in states}
    for number in range(hostile.amount(15, 300)):
        one, two = chance.choice(states), chance.choice(states)
        path = copied(one, tmp_path / f'mixed{number}', ('',))
        for ending in OF_ONE_MAP[1:]:
            if beside(two, ending).exists() and chance.random() < 0.8:
                shutil.copy(beside(two, ending), path.parent)
        hostile.tried()
        found, problems = said_of(path)
        if found is None:
            hostile.survived()
            continue
        # All that is shown was in one state, from the beginning on.
        assert any(found == truth[: len(found)] for truth in truths.values())
        if found not in truths.values():
            assert problems


def test_recovery_takes_what_is_whole_and_keeps_the_rest(killed, tmp_path):
    path = copied(killed, tmp_path / 'copy')
    log = beside(path, '-wal').read_bytes()[:-9000]
    beside(path, '-wal').write_bytes(log)
    whole = path.read_bytes()
    done = recover(path)
    assert (done.acknowledged, done.places < 21, done.places >= 18) == (21, True, True)
    assert said_of(path) == (list(range(done.places)), [])
    assert [file.name for file in done.kept] == ['town.vprmap.damaged', 'town.vprmap.damaged-wal']
    assert [file.read_bytes() for file in done.kept] == [whole, log]
    assert not beside(path, '-lock').exists()
    write(path, 1, first=99)
    assert stamps_of(path)[-1] == 99


def test_recovery_leaves_out_the_log_of_another_map(killed, other, tmp_path):
    path = copied(killed, tmp_path / 'copy')
    shutil.copy(other, path)
    assert recover(path).places == 15
    assert said_of(path) == (list(range(500, 515)), [])
    assert recover(path).kept == ()
    shutil.copy(beside(killed, '-wal'), beside(path, '-wal'))
    assert recover(path).kept[0].name == 'town.vprmap.damaged-2'


def test_recovery_of_what_cannot_be_read_changes_nothing(tmp_path):
    path = tmp_path / 'town.vprmap'
    path.write_bytes(b'no map')
    with pytest.raises(MapDamagedError, match='not a place map'):
        recover(path)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_map_in_use_is_not_recovered(killed, tmp_path):
    path = copied(killed, tmp_path / 'copy')
    with MapWriter.open(path), pytest.raises(MapInUseError):
        recover(path)


def test_copy_of_a_map_that_is_being_written_needs_no_log(tmp_path):
    path, target = tmp_path / 'town.vprmap', tmp_path / 'copy.vprmap'
    write(path, 3)
    with MapWriter.open(path) as place_map:
        place_map.add([place(7)])
        copy(path, target)
        with pytest.raises(MapExistsError):
            copy(path, target)
    assert said_of(target) == ([0, 1, 2, 7], [])
    assert [file.name for file in sorted(tmp_path.iterdir())] == ['copy.vprmap', 'town.vprmap']
