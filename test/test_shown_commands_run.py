# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The commands of the README and of the guides to bags, maps and data sets run as printed."""

from __future__ import annotations

import io
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import cv2
import pose_bags
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from camera_bags import write_drive
from documented_commands import ROOT, commands_of, programs_of

sys.path.insert(0, str(Path(__file__).parent / 'inputs' / 'folders'))

from colmap_sample import write_binary
from rtabmap_sample import SampleNode, write_database

from vpr_ros.cli.main import main
from vpr_ros.geometry import Pose
from vpr_ros.geometry.trajectory_file import tum_line
from vpr_ros.inputs.bags import Bag
from vpr_ros.inputs.replay import replay_frames
from vpr_ros.simulation import Conditions, SimulatedCamera, Town, Traverse, write_bag

PIL = pytest.importorskip('PIL.Image', reason='Pillow writes the photographs')

NOT_RUN = {
    'vpr weights fetch': 'downloads',
    'vpr bench': 'takes minutes',
    'vpr bag play': 'needs subscribers; test_bag_player.py has them',
}
"""Beginnings of commands that are not run here, and why."""


def _photograph(path, rgb):
    """Write a JPEG with a GPS position."""
    image = PIL.fromarray(rgb)
    exif = image.getexif()
    gps = {1: 'N', 2: (48.0, 6.0, 0.0), 3: 'E', 4: (11.0, 36.0, 0.0)}
    exif.get_ifd(0x8825).update(gps)
    exif[0x0132] = '2026:01:02 03:04:05'
    image.save(path, exif=exif)


def _maps_of_other_programs(folder, pictures):
    """Write a database of RTAB-Map, a model of COLMAP and keyframes of ORB-SLAM3."""
    nodes = [SampleNode(i, Pose.planar(i, 0, 0)) for i in range(1, 4)]
    write_database(folder / 'rtabmap.db', nodes, {node.id: node.odometry for node in nodes})
    poses = [Pose.of((0, 0, i)) for i in range(4)]
    names = [f'{i}.jpg' for i in range(4)]
    write_binary(
        folder / 'sparse' / '0',
        [(name, 1, pose.inverse()) for name, pose in zip(names, poses, strict=True)],
    )
    stamps = [f'170000000{i}.5' for i in range(4)]
    for inner, stems in (('images', '0123'), ('pictures', '0123'), ('rgb', stamps)):
        (folder / inner).mkdir()
        for stem, rgb in zip(stems, pictures, strict=True):
            assert cv2.imwrite(str(folder / inner / f'{stem}.jpg'), rgb[..., ::-1])
    lines = [tum_line(*each) for each in zip(stamps, [p.as_array() for p in poses], strict=True)]
    (folder / 'KeyFrameTrajectory.txt').write_text('\n'.join(lines))
    named = [f'{stamp} pictures/{name}' for stamp, name in zip(stamps, names, strict=True)]
    (folder / 'rgb.txt').write_text('\n'.join(named))


def poses_as_robots_have_them(folder):
    """Write bags with tf alone, with fixes at 1 Hz, and with localisation on motion."""
    seconds = pose_bags.every(1.25, 5)
    localised = [('/amcl_pose', s, pose_bags.localised(s, pose_bags.drive(s))) for s in seconds]
    odometry = [('/odom', s, pose_bags.odometry(s, pose_bags.drive(s))) for s in seconds]
    fixes = [
        ('/fix', s, pose_bags.fix(s, pose_bags.drive(s).position))
        for s in pose_bags.every(1.001, 5)
    ]
    images = pose_bags.images(3)
    pose_bags.write(folder / 'slam_bag', *pose_bags.tf_messages(4), *images)
    pose_bags.write(folder / 'gnss_bag', *fixes, *images)
    pose_bags.write(folder / 'amcl_bag', *localised, *odometry, *images)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A folder with all that the commands read: bags, a photograph, a data set."""
    folder = tmp_path_factory.mktemp('documentation')
    town = Town(seed=3, camera=SimulatedCamera(width=160, height=120))
    for name, lane in (('morning_bag', 0.0), ('evening_bag', 1.0)):
        traverse = Traverse(
            town, Conditions.named('day'), seed=1, lateral_shift=lane, spacing=120.0
        )
        write_bag(traverse, folder / name)
    write_drive(folder / 'rover_bag', ('/front/image_raw', '/back/camera/image'), seconds=1)
    poses_as_robots_have_them(folder)
    with Bag(folder / 'morning_bag') as bag:
        pictures = [frame.rgb for frame, _ in replay_frames(bag, '/camera/image_raw', '/odom')]
    (folder / 'photos').mkdir()
    _photograph(folder / 'photo.jpg', pictures[0])
    for i, rgb in enumerate(pictures[:3]):
        _photograph(folder / 'photos' / f'{i}.jpg', rgb)
    _maps_of_other_programs(folder, pictures[:4])
    for part, east in (('database', 0.0), ('queries', 1.0)):
        images = folder / 'pitts30k/images/test' / part
        images.mkdir(parents=True)
        for i, rgb in enumerate(pictures):
            name = f'@{585000 + 120 * i + east:.2f}@4477000.00@17@T@@@@@@@@@@@.jpg'
            assert cv2.imwrite(str(images / name), rgb[..., ::-1])
    return folder


@pytest.fixture
def run(folder, monkeypatch, capsys):
    """Run a command of vpr in this process, where what it needs is imported already."""

    def run_command(*words):
        # One who types these commands says yes where one asks.
        monkeypatch.setattr(sys, 'stdin', io.StringIO('y\n'))
        try:
            status = main(words)
        except SystemExit as end:
            status = end.code
        told = capsys.readouterr()
        assert not status, f'vpr {" ".join(words)}\n{told.out}{told.err}'

    monkeypatch.chdir(folder)
    return run_command


@pytest.mark.timeout(600)  # some fifty commands
def test_commands_run_as_printed(folder, run):
    ran = 0
    for page in ('README.md', 'docs/bags.md', 'docs/viewing.md', 'docs/maps.md'):
        if page == 'docs/maps.md':
            (folder / 'site.vprmap').unlink()
            run('map', 'build', 'site.vprmap', 'morning_bag')
            run('map', 'build', 'other.vprmap', 'evening_bag')
            run('map', 'datum', 'other.vprmap', '--set', '48.1', '11.6', '520')
            run('map', 'export', 'site.vprmap', '--format', 'tum', '--output', 'optimised.txt')
        for words in commands_of((ROOT / page).read_text('utf-8')):
            viewed = '--rerun' in words and find_spec('rerun') is None
            if not viewed and not ' '.join(words).startswith(tuple(NOT_RUN)):
                run(*words[1:])
                ran += 1
    assert ran > 12
    for page in ('docs/reference/python.md',):
        (program,) = programs_of((ROOT / page).read_text('utf-8'))
        done = subprocess.run(
            [sys.executable, '-c', program], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout
