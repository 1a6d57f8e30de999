# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from vpr_ros.geometry import Pose
from vpr_ros.geometry.mounts import OPTICAL_ROTATION
from vpr_ros.geometry.trajectory_file import TrajectoryError, tum_line
from vpr_ros.inputs.folders import FolderError
from vpr_ros.inputs.folders.orbslam import orbslam_folder

SECONDS = [f'1305031102.{i}75304' for i in range(6)]
"""Stamps of images; the keyframes are every other one."""
NANOSECONDS = [f'14036365797{i}3555584' for i in range(6)]
DRIVE = [
    Pose.of((2.0 * i, 0.5 * i, 0.1), Pose.planar(0, 0, 0.2 * i).orientation) for i in range(3)
]
"""Poses of a body that looks ahead, in a frame whose z is up."""


def images(folder, names):
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(b'')
    return folder


def keyframes(path, stamps, poses):
    lines = [tum_line(stamp, pose.as_array()) for stamp, pose in zip(stamps, poses, strict=True)]
    path.write_text('\n'.join(lines))
    return path


def optical(poses):
    """Return the poses of the camera in the frame of the first one, as ORB-SLAM3 does."""
    first = (poses[0] @ OPTICAL_ROTATION).inverse()
    return [first @ pose @ OPTICAL_ROTATION for pose in poses]


def check(found, poses):
    for image, pose in zip(found, poses, strict=True):
        np.testing.assert_allclose(image.pose.position, pose.position, atol=1e-9)
        assert image.pose.angle_to(pose) < 1e-6


def test_keyframes_of_a_camera_are_turned_to_look_ahead(tmp_path):
    folder = images(tmp_path / 'rgb', [f'{stamp}.png' for stamp in SECONDS])
    poses = keyframes(tmp_path / 'KeyFrameTrajectory.txt', SECONDS[::2], optical(DRIVE))
    found = orbslam_folder(folder, poses)
    check(found, [DRIVE[0].inverse() @ pose for pose in DRIVE])
    assert [image.path.stem for image in found] == SECONDS[::2]
    assert found[0].stamp == 1305031102_075304000
    assert found[0].mount.angle_to(OPTICAL_ROTATION) < 1e-9


def test_with_an_imu_the_frame_stays_and_cameras_look_ahead(tmp_path):
    folder = images(tmp_path / 'rgb', [f'{stamp}.png' for stamp in SECONDS])
    cameras = [pose @ OPTICAL_ROTATION for pose in DRIVE]
    found = orbslam_folder(folder, keyframes(tmp_path / 'k.txt', SECONDS[::2], cameras))
    check(found, DRIVE)


def test_poses_for_euroc_are_in_nanoseconds_and_of_the_imu(tmp_path):
    folder = images(tmp_path / 'data', [f'{stamp}.png' for stamp in NANOSECONDS])
    stamps = [f'{stamp}.000000' for stamp in NANOSECONDS[::2]]
    found = orbslam_folder(folder, keyframes(tmp_path / 'k.txt', stamps, DRIVE))
    check(found, DRIVE)
    assert found[1].stamp == int(NANOSECONDS[2])
    assert found[1].mount is None


@pytest.mark.parametrize(
    'line',
    [
        '{stamp} rgb/{i}.png',
        '{stamp} rgb/{i}.png {stamp} depth/{i}.png',
        '{stamp},{i}.png',
        '{stamp}',
    ],
)
def test_files_relate_stamps_to_images(tmp_path, line):
    folder = images(tmp_path / 'rgb', [f'{i}.png' for i in range(6)])
    times = tmp_path / 'times.txt'
    lines = [line.format(stamp=stamp, i=i) for i, stamp in enumerate(SECONDS)]
    times.write_text('\n'.join(['# timestamp filename', *lines]))
    poses = keyframes(tmp_path / 'k.txt', SECONDS[::2], optical(DRIVE))
    found = orbslam_folder(folder, poses, times)
    assert [image.path.name for image in found] == ['0.png', '2.png', '4.png']


def test_stamps_of_euroc_in_a_file_name_the_images(tmp_path):
    folder = images(tmp_path / 'data', [f'{stamp}.png' for stamp in NANOSECONDS])
    times = tmp_path / 'MH01.txt'
    times.write_text('\n'.join(NANOSECONDS[1:]))
    poses = keyframes(tmp_path / 'k.txt', NANOSECONDS[1:4], DRIVE)
    found = orbslam_folder(folder, poses, times)
    assert [image.path.stem for image in found] == NANOSECONDS[1:4]


@pytest.mark.parametrize('folders', [('rgb', 'depth'), ('cam0/data', 'cam1/data')])
def test_of_several_cameras_the_first_is_taken_and_never_depth(tmp_path, folders):
    for folder in folders:
        (tmp_path / 'set' / folder).parent.mkdir(parents=True, exist_ok=True)
        images(tmp_path / 'set' / folder, [f'{stamp}.png' for stamp in SECONDS])
    poses = keyframes(tmp_path / 'k.txt', SECONDS[::2], optical(DRIVE))
    found = orbslam_folder(tmp_path / 'set', poses)
    assert {image.path.parent for image in found} == {tmp_path / 'set' / folders[0]}


def test_keyframes_without_an_image_are_counted_as_left_out(tmp_path):
    names = [f'{stamp}.png' for stamp in SECONDS if stamp != SECONDS[2]]
    folder, left_out = images(tmp_path / 'rgb', names), Counter()
    poses = keyframes(tmp_path / 'k.txt', SECONDS[::2], optical(DRIVE))
    assert len(orbslam_folder(folder, poses, left_out=left_out)) == 2
    assert left_out == {'no image has the stamp of the keyframe': 1}
    late = keyframes(tmp_path / 'late.txt', ['1305039999.0'], DRIVE[:1])
    with pytest.raises(FolderError, match=r'no image in .* has the stamp'):
        orbslam_folder(folder, late)


def test_what_cannot_be_related_is_told(tmp_path):
    folder = images(tmp_path / 'rgb', ['left.png', 'right.png'])
    poses = keyframes(tmp_path / 'k.txt', SECONDS[::2], DRIVE)
    with pytest.raises(FolderError, match=r"'left' is no stamp.*file of times"):
        orbslam_folder(folder, poses)
    times = tmp_path / 'times.txt'
    times.write_text('1\n2\n3\n')
    with pytest.raises(FolderError, match='3 times for the 2 images'):
        orbslam_folder(folder, poses, times)
    times.write_text('1 up.png\n')
    with pytest.raises(FolderError, match='names none of the 2 images'):
        orbslam_folder(folder, poses, times)
    poses.write_text('1 2 3\n')
    with pytest.raises(TrajectoryError, match='line 1: 3 fields'):
        orbslam_folder(folder, poses, times)
    poses.write_text('# nothing\n')
    with pytest.raises(FolderError, match='has no poses'):
        orbslam_folder(folder, poses, times)
