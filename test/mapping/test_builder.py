# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from pictures import blocks

from vpr_ros.errors import MapError
from vpr_ros.geometry import Pose
from vpr_ros.inputs.folders import PosedImage
from vpr_ros.inputs.frames.thumbnail_codec import decode_thumbnail
from vpr_ros.inputs.poses import PoseReading
from vpr_ros.mapping import KeyframeConfig, MapBuilder
from vpr_ros.mapping.image_import import import_images
from vpr_ros.maps import MapWriter
from vpr_ros.types import Description, ModelInfo

MODEL = ModelInfo('test-net', 'weights', 16, 0, 'none', trained=False)


def test_first_place_that_cannot_be_stored_leaves_no_session(tmp_path):
    path = tmp_path / 'town.vprmap'
    frame = SimpleNamespace(stamp=5, camera='')
    with MapWriter.create(path, MODEL) as writer:
        before = path.read_bytes()
        builder = MapBuilder(writer, describer=None, session='morning', thumbnails=0)
        with pytest.raises(MapError, match='norm'):
            builder.add(frame, None, Description(np.ones(16, np.float32)))
        assert builder.session is None
        assert writer.session_list() == ()
        assert builder.add(frame, None, Description(np.full(16, 0.25, np.float32))) == 1
        assert [session.name for session in writer.session_list()] == ['morning']
        assert builder.session == 1
    assert path.read_bytes() != before


@pytest.mark.parametrize(
    ('options', 'sides'),
    [({}, (240, 320)), ({'thumbnails': 64}, (48, 64)), ({'thumbnails': 0}, None)],
)
def test_places_keep_thumbnails_unless_told_otherwise(tmp_path, options, sides):
    description = Description(np.full(16, 0.25, np.float32))
    frame = SimpleNamespace(stamp=5, camera='', rgb=np.full((480, 640, 3), 90, np.uint8))
    with MapWriter.create(tmp_path / 'town.vprmap', MODEL) as writer:
        MapBuilder(writer, describer=None, **options).add(frame, None, description)
        jpeg = writer.thumbnail(1)
    assert (None if jpeg is None else decode_thumbnail(jpeg).shape[:2]) == sides


def test_thumbnails_join_a_map_that_had_none(tmp_path):
    path, description = tmp_path / 'town.vprmap', Description(np.full(16, 0.25, np.float32))
    frame = SimpleNamespace(stamp=5, camera='', rgb=np.full((480, 640, 3), 90, np.uint8))
    with MapWriter.create(path, MODEL) as writer:
        MapBuilder(writer, describer=None, thumbnails=0).add(frame, None, description)
    with MapWriter.open(path) as writer:
        MapBuilder(writer, describer=None).add(frame, None, description)
        assert [bool(writer.thumbnail(key)) for key in writer.ids.tolist()] == [False, True]
        assert writer.verify() == []


def test_frames_that_show_nothing_are_left_out_and_the_next_one_is_due(tmp_path):
    describer = SimpleNamespace(
        describe=lambda images: [Description(np.full(16, 0.25, np.float32)) for _ in images]
    )
    black = np.zeros((48, 64, 3), np.uint8)
    with MapWriter.create(tmp_path / 'town.vprmap', MODEL) as writer:
        builder = MapBuilder(writer, describer, KeyframeConfig(distance=1.0))
        added = [
            builder.offer(
                SimpleNamespace(stamp=i, camera='', rgb=rgb), PoseReading(i, Pose.planar(x, 0, 0))
            )
            for i, (x, rgb) in enumerate(
                [(0, blocks()), (1.0, black), (1.1, black), (1.2, blocks()), (1.3, black)]
            )
        ]
        # The last one is not due, so nobody looks at it.
        assert added == [1, None, None, 2, None]
        assert builder.blank == 2
        assert writer.positions[:, 0].tolist() == [0, 1.2]


def test_images_that_show_nothing_are_counted_in_the_log(tmp_path, caplog):
    describer = SimpleNamespace(
        describe=lambda images: [Description(np.full(16, 0.25, np.float32)) for _ in images]
    )
    images = []
    for i, picture in enumerate([blocks(), np.full((48, 64, 3), 90, np.uint8), blocks(1)]):
        cv2.imwrite(str(tmp_path / f'{i}.png'), picture)
        images.append(PosedImage(tmp_path / f'{i}.png', i, Pose.planar(i, 0, 0)))
    with MapWriter.create(tmp_path / 'town.vprmap', MODEL) as writer:
        assert import_images(writer, images, describer) == 2
    assert '1 images left out: they show nothing (dark, blank, covered or noise)' in caplog.text


def importing(tmp_path, images, **options):
    describer = SimpleNamespace(
        describe=lambda images: [Description(np.full(16, 0.25, np.float32)) for _ in images]
    )
    with MapWriter.create(tmp_path / 'town.vprmap', MODEL) as writer:
        import_images(writer, images, describer, **options)
        return writer.session_list(), writer.places(writer.ids)


def held(i, **about):
    """Return an image that is no file."""

    def read():
        return SimpleNamespace(stamp=i, camera=about.get('camera', ''), rgb=blocks(i))

    return PosedImage(Path(f'node {i}'), i, read=read, **about)


def test_images_that_are_no_files_become_places_of_their_own_sessions_and_cameras(tmp_path):
    mount = Pose.of((0.3, 0, 1), (-0.5, 0.5, -0.5, 0.5))
    images = [
        held(0, pose=Pose.planar(0, 0, 0), session='day', camera='left', mount=mount),
        held(1, pose=Pose.planar(9, 0, 0), session='night', camera='left', mount=mount),
        held(2, pose=Pose.planar(1, 0, 0), session='day', camera='right'),
        held(3, pose=Pose.planar(2, 0, 0)),
    ]
    sessions, places = importing(tmp_path, images, session='photos', camera='roof')
    assert [(each.name, each.places) for each in sessions] == [
        ('photos day', 2),
        ('photos night', 1),
        ('photos', 1),
    ]
    assert [place.camera for place in places] == ['left', 'left', 'right', 'roof']
    np.testing.assert_allclose(places[1].mount.as_array(), mount.as_array())
    assert places[2].mount is None


def test_images_without_a_pose_are_counted_by_the_reason_or_become_places(tmp_path):
    left_out = Counter({'merged': 2})
    images = [
        held(0, pose=Pose.planar(0, 0, 0)),
        held(1, left_out='not in the graph'),
        held(2),
        held(3).without_pose(),
    ]
    _, places = importing(tmp_path, images, left_out=left_out)
    assert [place.pose is None for place in places] == [False, True]
    assert left_out == {'merged': 2, 'not in the graph': 1, 'they have no pose': 1}
