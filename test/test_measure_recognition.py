# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The script that measures the figures of the model card, on made-up images."""

import json
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
from documented_commands import ROOT

SCRIPT = ROOT / 'scripts' / 'measure_recognition.py'


@pytest.fixture
def laps(tmp_path):
    """Make test data: two laps of three pictures, of which the last one shows the first place."""
    rng = np.random.default_rng(0)
    pictures = [cv2.resize(rng.integers(0, 256, (6, 8, 3), np.uint8), (64, 48)) for _ in range(3)]
    folder = tmp_path / 'lake_laps'
    for lap, shown in (('lap1', (0, 1, 2)), ('lap2', (0, 1, 0))):
        (folder / lap).mkdir(parents=True)
        rows = ['file,x,y,yaw,stamp']
        for number, picture in enumerate(shown):
            name = f'{lap}/{9 - number}.png'  # the table has another order than the names
            cv2.imwrite(str(folder / name), pictures[picture])
            rows.append(f'{name},{10 * number},0,0,{number}')
        (folder / f'poses_{lap}.csv').write_text('\n'.join(rows))
    return tmp_path


def test_first_candidates_are_judged_by_the_positions_of_the_images(laps):
    command = [sys.executable, SCRIPT, 'hog', '--rerank', '0', '--only', 'lake', '--json']
    environment = {**os.environ, 'VPR_TEST_DATA': str(laps)}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    (figures,) = json.loads(run.stdout)
    assert (figures['queries'], figures['alone']) == (3, pytest.approx(2 / 3))
    assert figures['reranked'] is None
    assert '| lake track, lap 1 ← lap 2 | 3 | 66.7 |' in run.stderr
