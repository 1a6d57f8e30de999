# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The worked example of the pose graph: its parts on made-up ways, the whole on a real bag."""

import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest
from shared_data import DATA

from vpr_ros.geometry import Pose
from vpr_ros.geometry.resection import Resection

pytest.importorskip('gtsam', reason='needs the extra eval')

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope='module')
def example():
    path = ROOT / 'examples/pose_graph/pose_graph.py'
    if not path.exists():
        pytest.skip('needs the sources')
    spec = importlib.util.spec_from_file_location('pose_graph', path)
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules['pose_graph'] = module
    spec.loader.exec_module(module)
    return module


def circles(laps=2, places=60, radius=30.0):
    """Return a way round in circles, one pose a place."""
    angles = np.arange(laps * places) * 2 * math.pi / places
    return [
        Pose.planar(radius * math.cos(a), radius * math.sin(a), a + math.pi / 2) for a in angles
    ]


def loops_of(example, truth, places, rng, wrong=()):
    """Return loops of the second lap to the first, measured to a tenth of a metre."""
    loops = []
    for later in range(places, len(truth)):
        pose = truth[later - places].inverse() @ truth[later]
        shift = (8.0, 8.0, 0.0) if later in wrong else 0.1 * rng.standard_normal(3)
        measured = Resection(Pose.of(shift) @ pose, np.diag([0.01] * 3 + [1e-4] * 3), 30)
        loops.append(example.Loop(later - places, later, measured))
    return loops


def test_odometry_drifts_by_its_seed_and_begins_at_the_truth(example):
    truth = circles()
    first, again, other = (example.drifting(truth, example.Drift(), seed) for seed in (1, 1, 2))
    assert first[0].distance_to(truth[0]) == 0
    assert first[-1].distance_to(again[-1]) == 0
    assert first[-1].distance_to(other[-1]) > 0.1


def test_loops_take_the_drift_out_and_wrong_ones_are_not_kept(example):
    truth, rng = circles(), np.random.default_rng(3)
    drift = example.Drift(scale=0.0, noise=0.02, turn=math.radians(1.5))
    loops = loops_of(example, truth, 60, rng, wrong={80, 95})
    run = example.Run(truth, example.drifting(truth, drift, 1), loops)
    optimised, kept = example.optimise(run, drift)
    before = example.trajectory_error(run.odometry, truth)
    assert sum(run.error(loop) > example.WRONG for loop in run.loops) == 2
    assert sum(run.error(loop) > example.WRONG for loop in kept) == 0
    assert len(kept) > 50
    assert example.trajectory_error(optimised, truth) < before / 2


def test_error_does_not_depend_on_where_the_trajectory_lies(example):
    truth = circles()
    moved = [Pose.planar(50, -20, 1.0) @ pose for pose in truth]
    assert example.trajectory_error(moved, truth) == pytest.approx(0, abs=1e-9)


@pytest.mark.slow
@pytest.mark.skipif(not DATA.exists(), reason='needs the test data')
def test_example_closes_loops_of_a_real_bag_and_keeps_none_that_is_wrong(example, tmp_path):
    run = example.find_loops(
        DATA / 'bags/airsim_track', model='hog', degrees=90, spacing=4.0, frames=slice(40, 640)
    )
    optimised, kept = example.optimise(run)
    example.draw(tmp_path / 'p.png', run, optimised)
    assert len(run.loops) >= 5
    # Two bends look alike, and no calibration judges here.
    assert sum(run.error(loop) > example.WRONG for loop in run.loops) <= 1
    assert all(run.error(loop) < example.WRONG for loop in kept)
    after = example.trajectory_error(optimised, run.truth)
    assert after < example.trajectory_error(run.odometry, run.truth)
    assert (tmp_path / 'p.png').stat().st_size > 10_000
