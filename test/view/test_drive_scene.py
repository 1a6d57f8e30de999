# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Answers in the viewer, read back from the recording."""

from __future__ import annotations

import dataclasses

import pytest

pytest.importorskip('rerun', reason='rerun-sdk, the extra [view], is not installed')

import numpy as np
from pictures import blocks
from recorded import Recorded
from viewed_maps import COUNT, DATUM

from vpr_ros.evaluation import Evaluation, PlaceTable, QueryResult, Setup, Tolerance
from vpr_ros.evaluation.bag_evaluation import place_table
from vpr_ros.geometry import Pose
from vpr_ros.search import Candidates
from vpr_ros.view import picture_tracks
from vpr_ros.view.drive_scene import AnsweredDrive, show_drive
from vpr_ros.view.view_stream import recording_to

SECOND = 10**9
START = 1_700_000_000 * SECOND + 123_456_789


def answer(frame, x, ids, places, status='ACCEPTED', spread=None, known=None):
    """Answer the frame at x metres with places, and the pose of the first if it is accepted."""
    ids = np.array(ids, np.int64)
    poses = places.poses_of(ids)
    given = status == 'ACCEPTED' and len(ids) and np.isfinite(poses[0, 0])
    return QueryResult(
        stamp=START + frame * SECOND,
        status=status,
        truth=None if x is None else Pose.planar(x, 0.5, 0.3),
        candidates=Candidates(
            ids, np.linspace(0.9, 0.5, len(ids)), np.arange(len(ids)), poses, known
        ),
        pose=Pose.from_array(poses[0]) if given else None,
        reason=f'reason {frame}',
        covariance=spread if given else None,
    )


SPREAD = np.diag([4.0, 1.0, 1.0, 0.1, 0.1, 0.1])
PROBABILITIES = np.array([0.95, 0.03, 0.02])


def queries_of(places):
    return (
        answer(0, 0.2, [1, 2, 3], places, spread=SPREAD, known=PROBABILITIES),
        answer(1, 1.0, [12, 2, 3], places, spread=SPREAD, known=PROBABILITIES),  # wrong
        answer(2, 2.0, [3], places, status='UNVERIFIED', known=PROBABILITIES[:1]),
        answer(3, None, [5, 6], places, spread=SPREAD, known=PROBABILITIES[:2]),
        answer(4, 4.0, [], places, status='NO_MAP'),
    )


def evaluated(place_map, queries=None, places=None):
    table = places or place_table(place_map)
    setup = Setup('evening', place_map.path.name, place_map.model, Tolerance(3.0))
    return Evaluation(setup, table, queries or queries_of(table))


def pictures_of(stamps):
    """Return a picture of each frame but the last."""
    for stamp in sorted(stamps)[:4]:
        yield stamp, blocks((stamp - START) // SECOND)


@pytest.fixture
def show(tmp_path):
    """Record a drive; return what was said to be left out, and the recording."""

    def shown(drive):
        with recording_to(tmp_path / 'drive.rrd', 'drive') as stream:
            left_out = show_drive(stream, drive)
        return left_out, Recorded(tmp_path / 'drive.rrd')

    return shown


@pytest.fixture
def drive(mapped):
    place_map = mapped()
    return AnsweredDrive.evaluated(evaluated(place_map), place_map, pictures_of)


def test_everything_about_a_drive_is_at_its_path_as_its_archetype(drive, show):
    left_out, found = show(drive)
    assert left_out == '1 frame could not be read again'
    assert found.blueprints == 1
    assert found.entities == {
        'about': {'TextDocument'},
        'world': {'ViewCoordinates'},
        'world/map/places/1\\ day': {'Points3D'},
        'world/map/ways/1\\ day': {'LineStrips3D'},
        'earth/map/places/1\\ day': {'GeoPoints'},
        'world/drive/way': {'LineStrips3D'},
        'world/drive/judged/right': {'Points3D'},
        'world/drive/judged/wrong': {'Points3D'},
        'world/drive/judged/held\\ back': {'Points3D'},
        'world/drive/wrong_answers': {'LineStrips3D'},
        'earth/drive/way': {'GeoLineStrings'},
        'world/query/truth': {'Arrows3D'},
        'world/query/answer': {'Arrows3D'},
        'world/query/ellipse': {'LineStrips3D'},
        'world/query/candidates': {'Points3D'},
        'earth/query/truth': {'GeoPoints'},
        'earth/query/answer': {'GeoPoints'},
        'query/picture': {'EncodedImage'},
        'query/status': {'StateChange', 'StateConfiguration'},
        'query/about': {'TextDocument'},
        **{f'candidates/{rank}': {'EncodedImage'} for rank in (1, 2, 3)},
        'plots/scores/probability': {'Scalars'},
        'plots/scores/similarity': {'Scalars'},
        'plots/error/answer': {'Scalars', 'SeriesPoints'},
        'plots/error/first_candidate': {'Scalars'},
    }


def test_each_frame_is_played_at_its_number_and_at_its_stamp(drive, show):
    _, found = show(drive)
    assert found.values('query/status', 'StateChange:state') == [
        [query.status] for query in drive.queries
    ]
    assert found.moments('query/status', 'StateChange:state', 'frame') == [0, 1, 2, 3, 4]
    stamps = found.moments('query/status', 'StateChange:state', 'time')
    assert stamps == [query.stamp for query in drive.queries]
    texts = found.values('query/about', 'TextDocument:text')
    assert [text.splitlines()[2] for (text,) in texts] == [f'reason {i}' for i in range(5)]


def test_pictures_of_frames_and_candidates_come_and_go_with_the_frames(drive, show):
    _, found = show(drive)
    blob = 'EncodedImage:blob'
    assert found.moments('query/picture', blob, 'frame') == [0, 1, 2, 3]
    assert found.values('query/picture', blob)[4] == []
    assert found.moments('candidates/1', blob, 'frame') == [0, 1, 2, 3]
    assert found.moments('candidates/2', blob, 'frame') == [0, 1, 3]
    assert found.moments('candidates/3', blob, 'frame') == [0, 1]
    (wrong,) = found.values('candidates/1', blob)[1]
    assert bytes(wrong) == drive.place_map.thumbnail(12)


def test_poses_and_the_ellipse_that_holds_95_percent_are_where_they_belong(drive, show):
    _, found = show(drive)
    assert found.moments('world/query/truth', 'Arrows3D:origins', 'frame') == [0, 1, 2, 4]
    assert found.moments('world/query/answer', 'Arrows3D:origins', 'frame') == [0, 1, 3]
    assert found.moments('world/query/ellipse', 'LineStrips3D:strips', 'frame') == [0, 1, 3]
    (origin,) = found.values('world/query/answer', 'Arrows3D:origins')[1]
    assert origin == [11, 0, 0]
    (line,) = found.values('world/query/ellipse', 'LineStrips3D:strips')[1]
    half = np.sqrt(-2 * np.log(0.05))
    np.testing.assert_allclose(np.ptp(line, axis=0), [4 * half, 2 * half, 0], rtol=1e-3)
    np.testing.assert_allclose(np.mean(line[:-1], axis=0), [11, 0, 0], atol=1e-4)
    (truth,) = found.values('earth/query/truth', 'GeoPoints:positions')[1]
    np.testing.assert_allclose(truth, DATUM.to_geodetic([[1.0, 0.5, 0]])[0, :2], atol=1e-9)


def test_candidates_are_labelled_with_place_and_probability(drive, show):
    _, found = show(drive)
    labels = found.values('world/query/candidates', 'Points3D:labels')
    assert labels[0] == ['1: 0.95', '2: 0.03', '3: 0.02']
    assert [len(each) for each in labels] == [3, 3, 1, 2, 0]
    assert found.static('world/query/candidates', 'Points3D:show_labels') == [False]


def test_scores_and_errors_are_plotted_where_they_are_known(drive, show):
    _, found = show(drive)
    assert found.moments('plots/scores/probability', 'Scalars:scalars', 'frame') == [0, 1, 2, 3]
    ((error,), (wrong,)) = found.values('plots/error/answer', 'Scalars:scalars')
    assert error == pytest.approx(np.hypot(0.2, 0.5))
    assert wrong == pytest.approx(np.hypot(10, 0.5))
    assert found.moments('plots/error/first_candidate', 'Scalars:scalars', 'frame') == [0, 1, 2]


def test_frames_are_coloured_by_what_became_of_them(drive, show):
    _, found = show(drive)
    counts = {
        name: len(found.static(f'world/drive/judged/{name}', 'Points3D:positions'))
        for name in ('right', 'wrong', 'held\\ back')
    }
    assert counts == {'right': 1, 'wrong': 1, 'held\\ back': 2}
    (line,) = found.static('world/drive/wrong_answers', 'LineStrips3D:strips')
    assert line == [[1, 0.5, 0], [11, 0, 0]]
    about = found.static('about', 'TextDocument:text')[0]
    assert '3 were accepted' not in about
    assert '2 were accepted, 1 of them with a wrong place' in about


def test_long_drive_has_some_of_the_pictures(mapped, show, monkeypatch):
    monkeypatch.setattr(picture_tracks, 'MOST_PICTURES', 3)
    place_map = mapped()
    table = place_table(place_map)
    queries = tuple(answer(i, float(i), [i + 1], table) for i in range(9))
    asked = []

    def pictures(stamps):
        asked.append(len(stamps))
        return ((stamp, blocks((stamp - START) // SECOND)) for stamp in sorted(stamps))

    found = evaluated(place_map, queries)
    left_out, found = show(AnsweredDrive.evaluated(found, place_map, pictures))
    assert left_out == 'pictures are shown of 3 of 9, chosen evenly'
    assert asked == [3]
    assert found.moments('query/picture', 'EncodedImage:blob', 'frame') == [0, 4, 8]
    assert found.moments('candidates/1', 'EncodedImage:blob', 'frame') == [0, 4, 8]
    assert len(found.values('query/status', 'StateChange:state')) == 9


def test_frames_of_one_stamp_have_each_its_picture(mapped, show):
    place_map = mapped()
    queries = [answer(0, 0.0, [1], place_table(place_map)) for _ in range(2)]
    drive = AnsweredDrive.evaluated(
        evaluated(place_map, tuple(queries)), place_map, lambda stamps: [(START, blocks())]
    )
    _, found = show(drive)
    assert found.moments('query/picture', 'EncodedImage:blob', 'frame') == [0, 1]


def test_map_without_poses_is_drawn_by_the_true_poses_of_its_places(mapped, show):
    place_map = mapped(posed=False)
    table = place_table(place_map)
    poses = np.array([Pose.planar(i, 0, 0).as_array() for i in range(COUNT)])
    placed = dataclasses.replace(table, poses=poses)
    drive = AnsweredDrive.evaluated(
        evaluated(place_map, queries_of(placed), placed), place_map, pictures_of
    )
    left_out, found = show(drive)
    assert 'no place has a pose' not in left_out
    assert len(found.static('world/map/places/1\\ day', 'Points3D:positions')) == COUNT


def test_single_images_on_a_map_without_poses_are_shown_by_pictures(mapped, show):
    place_map = mapped(posed=False)
    table: PlaceTable = place_table(place_map)
    queries = [answer(i, None, [i + 1, i + 2], table) for i in range(2)]
    names = ['a.jpg', 'b.jpg']
    drive = AnsweredDrive.asked(
        place_map, queries, names, lambda numbers: [(n, blocks(n)) for n in numbers]
    )
    left_out, found = show(drive)
    assert left_out == 'no place has a pose, so that there is no map to look at'
    assert found.moments('query/picture', 'EncodedImage:blob', 'frame') == [0, 1]
    texts = found.values('query/about', 'TextDocument:text')
    assert texts[1][0].startswith('**ACCEPTED**, b.jpg\n')
    assert not any(path.startswith('world/') for path in found.entities)
    assert '- ACCEPTED: 2' in found.static('about', 'TextDocument:text')[0]


def test_no_frame_at_all_is_shown_as_the_map_alone(mapped, show):
    place_map = mapped()
    drive = AnsweredDrive.asked(place_map, [], [], lambda numbers: [])
    _, found = show(drive)
    assert len(found.static('world/map/places/1\\ day', 'Points3D:positions')) == COUNT
    assert 'query/picture' not in found.entities
