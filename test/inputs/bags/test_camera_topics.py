# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
from pathlib import Path

import pytest

from vpr_ros.errors import BagError
from vpr_ros.inputs.bags import Bag, camera_name, choose_cameras

sys.path.insert(0, str(Path(__file__).parents[2]))
from camera_bags import write_drive


@pytest.mark.parametrize(
    ('topic', 'name'),
    [
        ('/front/image', 'front'),
        ('/front/image_raw', 'front'),
        ('/front/image_raw/compressed', 'front'),
        ('/cam0/image_rect_color', 'cam0'),
        ('/camera/left/image_raw', 'camera/left'),
        ('/cameras/rear', 'cameras/rear'),
        ('/usb_cam', 'usb_cam'),
        ('/image', 'image'),
    ],
)
def test_a_camera_is_named_after_its_topic(topic, name):
    assert camera_name(topic) == name


@pytest.fixture(scope='module')
def drive(tmp_path_factory):
    topics = '/front/image_raw', '/rear/image_raw', '/rear/image_rect'
    return write_drive(tmp_path_factory.mktemp('drive') / 'drive', topics, seconds=1)


def chosen(drive, *asked):
    with Bag(drive) as bag:
        return {name: topic.name for name, topic in choose_cameras(bag, asked).items()}


def test_several_cameras_are_named_and_the_only_one_has_no_name(drive):
    assert chosen(drive, '/rear/image_raw', '/front/image_raw') == {
        'rear': '/rear/image_raw',
        'front': '/front/image_raw',
    }
    assert chosen(drive, '/front/image_raw') == {'': '/front/image_raw'}
    assert chosen(drive, 'left=/front/image_raw') == {'left': '/front/image_raw'}
    assert chosen(drive, 'left=/front/image_raw', '/rear/image_raw') == {
        'left': '/front/image_raw',
        'rear': '/rear/image_raw',
    }


def test_cameras_that_cannot_be_told_apart_are_refused(drive):
    with pytest.raises(BagError, match=r"would both be the camera 'rear'.*CAMERA=TOPIC"):
        chosen(drive, '/rear/image_raw', '/rear/image_rect')
    with pytest.raises(BagError, match='on several topics'):
        chosen(drive)
    with pytest.raises(BagError, match='no topic /side'):
        chosen(drive, '/front/image_raw', '/side')
