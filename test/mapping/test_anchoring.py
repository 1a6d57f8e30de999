# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Sessions whose poses are in a frame that begins anew with each run."""

from dataclasses import replace
from itertools import islice
from types import SimpleNamespace

import numpy as np
import pytest
from shared_data import BAGS

from vpr_ros.describe import Describer
from vpr_ros.errors import MapError, MapFrameError
from vpr_ros.geometry import Datum, Pose
from vpr_ros.inputs.bags import Bag, choose_topics
from vpr_ros.inputs.poses import PoseReading, begins_anew
from vpr_ros.inputs.replay import replay_frames
from vpr_ros.localize import calibration_for
from vpr_ros.loops import register_session
from vpr_ros.mapping import KeyframeConfig, MapBuilder
from vpr_ros.maps import MapWriter, PlaceMap, merge
from vpr_ros.types import Description, ModelInfo


@pytest.mark.parametrize(
    ('frame', 'anew'),
    [
        ('odom', True),
        ('/odom', True),
        ('robot1/odom', True),
        ('t265_odom_frame', True),
        ('Odometry', True),
        ('camera_init', True),
        ('map', False),
        ('robot1/map', False),
        ('odom_room/map', False),
        ('utm', False),
        ('', False),
    ],
)
def test_frames_of_odometry_begin_anew(frame, anew):
    assert begins_anew(frame) is anew


MODEL = ModelInfo('test-net', 'weights', 16, 0, 'none', trained=False)
DESCRIPTION = Description(np.full(16, 0.25, np.float32))


def add_session(place_map, frame, x=0.0, *, anchored=False, name='drive'):
    """Add a session of one place whose pose is given in a frame."""
    frame_of_all = '' if anchored else None
    builder = MapBuilder(place_map, None, session=name, thumbnails=0, frame=frame_of_all)
    picture = SimpleNamespace(stamp=5, camera='')
    return builder.add(picture, PoseReading(5, Pose.planar(x, 0, 0), frame=frame), DESCRIPTION)


def frames_of(place_map):
    return [session.frame for session in place_map.session_list()]


def test_first_session_by_odometry_makes_the_frame_of_the_map_and_says_so(tmp_path, caplog):
    path = tmp_path / 'town.vprmap'
    with MapWriter.create(path, MODEL) as place_map:
        add_session(place_map, 'odom')
    assert 'begins anew with each run' in caplog.text
    with PlaceMap.open(path) as place_map:
        assert frames_of(place_map) == ['odom']
        assert place_map.frame_id == 'map'
        assert place_map.info().format == 3
        assert place_map.verify() == []


@pytest.mark.parametrize(
    ('first', 'second'), [('odom', 'odom'), ('odom', 'map'), ('map', 'odom'), ('', 'camera_init')]
)
def test_poses_that_cannot_be_related_are_refused_and_nothing_is_added(tmp_path, first, second):
    with MapWriter.create(tmp_path / 'town.vprmap', MODEL) as place_map:
        add_session(place_map, first)
        with pytest.raises(MapFrameError, match='register the session'):
            add_session(place_map, second)
        assert (len(place_map), len(place_map.session_list())) == (1, 1)
        add_session(place_map, second, anchored=True)
        assert len(place_map) == 2


def test_sessions_in_the_frame_of_the_map_are_added_without_a_word(tmp_path, caplog):
    with MapWriter.create(tmp_path / 'town.vprmap', MODEL) as place_map:
        for frame in ('map', '', 'map'):
            add_session(place_map, frame)
        assert frames_of(place_map) == ['', '', '']
        assert place_map.info().format == 1
    assert not caplog.text


def test_a_datum_anchors_a_map_that_odometry_began(tmp_path):
    with MapWriter.create(tmp_path / 'town.vprmap', MODEL) as place_map:
        add_session(place_map, 'odom')
        place_map.set_datum(Datum(48.0, 11.0, 500.0))
        add_session(place_map, 'map')
        with pytest.raises(MapFrameError):
            add_session(place_map, 'odom')


def test_a_session_that_is_deleted_takes_its_frame_along(tmp_path):
    with MapWriter.create(tmp_path / 'town.vprmap', MODEL) as place_map:
        for drop in (lambda: place_map.delete_session(1), place_map.clear):
            add_session(place_map, 'odom')
            drop()
            assert place_map.snapshot.begun_frames == set()
        add_session(place_map, 'map')


def test_maps_by_odometry_are_merged_only_where_they_share_the_beginning(tmp_path):
    paths = [tmp_path / f'{name}.vprmap' for name in 'ab']
    for path in paths:
        with MapWriter.create(path, MODEL) as place_map:
            add_session(place_map, 'odom', name='begin')
            add_session(place_map, 'odom', 3.0, anchored=True, name='later')
    with pytest.raises(MapError, match='begins anew'):
        merge(tmp_path / 'c.vprmap', [(path, None) for path in paths])
    assert not (tmp_path / 'c.vprmap').exists()
    info = merge(tmp_path / 'd.vprmap', [(paths[0], [1]), (paths[0], [2])])
    assert [session.frame for session in info.sessions] == ['odom', '']
    assert merge(tmp_path / 'e.vprmap', [(p, None) for p in paths], anchored=True).places == 4


@pytest.mark.skipif(not BAGS.is_dir(), reason='no shared data')
def test_second_half_of_a_drive_is_registered_on_the_first_by_the_pictures(tmp_path):
    bag_path = BAGS / 'gardens_day_left'
    describer = Describer('d2vpr-nano')
    elsewhere = Pose.planar(-70.0, 25.0, 2.0)
    with Bag(bag_path) as bag:
        topics = choose_topics(bag)
        drive = replay_frames(bag, topics.image.name, topics.pose.name)
        frames = [(frame, reading) for frame, reading in islice(drive, 80) if reading is not None]
    first = MapWriter.create(tmp_path / 'first.vprmap', describer.model_info)
    second = MapWriter.create(tmp_path / 'second.vprmap', describer.model_info)
    with first, second:
        for place_map, part, frame in (
            (first, frames[:55], Pose.identity()),
            (second, frames[30:], elsewhere),
        ):
            builder = MapBuilder(place_map, describer, KeyframeConfig(distance=0.5))
            for picture, reading in part:
                builder.offer(picture, replace(reading, pose=frame @ reading.pose, frame='odom'))
        found = register_session(first, second, 1, calibration_for(describer.model_info))
        columns = first.snapshot.columns
        added = columns.take(np.flatnonzero(columns.sessions == 2))
        truth = {frame.stamp: reading.pose.position for frame, reading in frames}
        off = [
            np.linalg.norm(truth[stamp] - pose[:3])
            for stamp, pose in zip(added.stamps.tolist(), added.poses, strict=True)
        ]
        assert len(off) == 50
        assert np.median(off) < 1.0
        assert max(off) < 2.0
        assert found.agreeing >= 10
        assert frames_of(first) == ['odom', '']
        assert all(first.thumbnail(key) for key in added.ids.tolist())
        assert first.verify() == []
