# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Formats that one file adds: to a package beside this one, or to a package that is searched."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
from pictures import blocks
from rosbags.rosbag2 import StoragePlugin, Writer

from vpr_ros.evaluation.datasets import posed_pair
from vpr_ros.inputs.bags import Bag, choose_pose
from vpr_ros.inputs.folders import FOLDER_FORMATS, FolderError, folder_format
from vpr_ros.inputs.frames.cdr import types
from vpr_ros.inputs.poses import POSE_FORMATS, PoseReadingError, PoseSource
from vpr_ros.registries import Registry, entries_of
from vpr_ros.training.data.opening import open_source

TRANSFORM = 'geometry_msgs/msg/TransformStamped'
MOTION_CAPTURE = f"""
from vpr_ros.geometry import Pose
from vpr_ros.inputs.poses import PoseFormat


def read(message, limits):
    p, q = message.transform.translation, message.transform.rotation
    return Pose.of((p.x, p.y, p.z), (q.x, q.y, q.z, q.w)), None


FORMATS = (PoseFormat('motion_capture', '{TRANSFORM}', read),)
"""
NAMED_BY_PLACE = """
from vpr_ros.geometry import Pose
from vpr_ros.inputs.folders import FolderFormat, PosedImage, images_in


def read(folder):
    return [PosedImage(path, 0, Pose.planar(float(path.stem), 0, 0)) for path in images_in(folder)]


FORMATS = (FolderFormat('named', 'names are metres along a road', read),)
"""


def python(folder, *words):
    """Run Python as a fresh process that finds the packages of a folder; return its output."""
    environment = os.environ | {
        'PYTHONPATH': os.pathsep.join([str(folder), os.environ.get('PYTHONPATH', '')])
    }
    run = subprocess.run(
        [sys.executable, *map(str, words)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def transforms(path):
    """Write a bag with a transform at (1, 2, 3) a second after the epoch."""
    store = types()
    of = store.types
    header = of['std_msgs/msg/Header'](of['builtin_interfaces/msg/Time'](1, 5), 'map')
    transform = of['geometry_msgs/msg/Transform'](
        of['geometry_msgs/msg/Vector3'](1.0, 2.0, 3.0),
        of['geometry_msgs/msg/Quaternion'](0.0, 0.0, 0.0, 1.0),
    )
    message = of[TRANSFORM](header, 'base_link', transform)
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection('/capture', TRANSFORM, typestore=store)
        writer.write(connection, 10**9, store.serialize_cdr(message, TRANSFORM))
    return path


def test_one_file_adds_a_pose_format_to_bags_and_nodes(install, tmp_path):
    with pytest.raises(PoseReadingError, match='gives no pose'):
        PoseSource(TRANSFORM)

    folder = install(
        POSE_FORMATS, 'vpr_ros.pose_formats', 'FORMATS', 'motion_capture', MOTION_CAPTURE
    )

    with Bag(transforms(tmp_path / 'bag')) as bag:
        topic = choose_pose(bag)
        source = PoseSource(topic.type)
        ((reading,),) = (source.read(bag.deserialize(message)) for message in bag.messages())
    assert topic.name == '/capture'
    assert reading.stamp == 1_000_000_005
    np.testing.assert_array_equal(reading.pose.position, [1, 2, 3])
    ask = (
        'from vpr_ros.nodes.parameter_fields import parameters_of\n'
        'from vpr_ros.nodes.parameters import NODES\n'
        "of = {p.name: p for p in parameters_of(NODES['map_builder_node'])}['pose_source']\n"
        'print(of.choices, of.description)'
    )
    answer = python(folder, '-c', ask)
    assert "'motion_capture', 'tf', 'none'" in answer
    assert f'motion_capture ({TRANSFORM} on pose)' in answer


def test_one_file_adds_a_folder_format_to_import_evaluation_and_training(install, tmp_path):
    pictures = tmp_path / 'pictures'
    pictures.mkdir()
    for metres in range(8):
        cv2.imwrite(str(pictures / f'{metres}.jpg'), blocks(metres))

    folder = install(
        FOLDER_FORMATS, 'vpr_ros.folder_formats', 'FORMATS', 'named_by_place', NAMED_BY_PLACE
    )

    command = 'import sys; from vpr_ros.cli.main import main; sys.exit(main())'
    words = ['--format', 'named', '--model', 'patchnorm', '--device', 'cpu', '--json']
    path = tmp_path / 'm.vprmap'
    answer = python(folder, '-c', command, 'map', 'import', path, pictures, *words)
    assert json.loads(answer) == {'images': 8, 'added': 8, 'places': 8, 'left_out': {}}
    database, queries = posed_pair('named', (pictures, pictures), (None, None))
    assert database.poses[:, 0].tolist() == queries.poses[:, 0].tolist() == list(range(8))
    source = open_source({'kind': 'poses', 'folder': str(pictures), 'form': 'named'})
    assert sum(len(area) for area in source.areas) == 1


def test_unknown_formats_and_missing_files_are_named(tmp_path):
    with pytest.raises(
        FolderError, match=r"unknown format 'named'.*known: colmap, csv, exif, kitti, orbslam, tum"
    ):
        folder_format('named')
    with pytest.raises(FolderError, match='the format kitti needs a file of poses'):
        folder_format('kitti').read(tmp_path)


def test_modules_of_a_package_register_by_being_there(tmp_path, monkeypatch):
    package = tmp_path / 'searched'
    package.mkdir()
    (package / '__init__.py').touch()
    (package / 'helper.py').touch()
    for name in ('second', 'first'):
        (package / f'{name}.py').write_text(
            f"from types import SimpleNamespace\nENTRIES = (SimpleNamespace(name='{name}'),)\n"
        )
    monkeypatch.syspath_prepend(tmp_path)
    registry = Registry('vpr_ros.of_nothing', lambda: entries_of('searched', 'ENTRIES'))
    assert list(registry) == ['first', 'second']
    assert registry['second'].name == 'second'
    assert 'third' not in registry
