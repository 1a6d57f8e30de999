# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Close the loops of a drifting odometry: trajectory errors before and after, and a picture.

The true poses of the bag are made into odometry that drifts. Loops are found on pictures and that
odometry alone, their ends measured against each other, and handed to a pose graph (GTSAM) that
corrects the trajectory. See README.md beside this file.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import gtsam
import numpy as np
from matplotlib.figure import Figure

from vpr_ros.cli.localizing import camera_of
from vpr_ros.describe import Describer
from vpr_ros.geometry import Pose
from vpr_ros.inputs.bags import Bag, choose_topics
from vpr_ros.inputs.poses import PoseReading, PoseSource
from vpr_ros.inputs.replay import replay_frames
from vpr_ros.localize import DecisionConfig, Localizer, Verifier
from vpr_ros.localize.verification import XFeatDetector
from vpr_ros.loops import LoopConfig, LoopDetector
from vpr_ros.mapping import KeyframeConfig, MapBuilder
from vpr_ros.maps import MapWriter
from vpr_ros.search import Retriever
from vpr_ros.types import DEFAULT_MODEL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpr_ros.geometry.resection import Resection

WRONG = 5.0
"""A loop is wrong if it puts its later end so far from where it was, metres."""


@dataclass(frozen=True)
class Drift:
    """Errors of the odometry, by way travelled.

    Attributes:
        scale: Relative error of every distance, the same all the time.
        noise: Standard deviation of a distance over one metre; grows with the root of the way.
        turn: Standard deviation of the heading after one metre, radians; likewise.
    """

    scale: float = 0.005
    noise: float = 0.02
    turn: float = math.radians(0.4)


@dataclass(frozen=True)
class Loop:
    """A loop that was announced: numbers of two keyframes, and the later one in the earlier."""

    earlier: int
    later: int
    measured: Resection


@dataclass(frozen=True)
class Run:
    """A traverse: poses by keyframe, and the loops found in it."""

    truth: list[Pose]
    odometry: list[Pose]
    loops: list[Loop]

    def error(self, loop: Loop) -> float:
        """Return how far off a loop puts its later end, metres."""
        true = self.truth[loop.earlier].inverse() @ self.truth[loop.later]
        return true.distance_to(loop.measured.pose)


def drifting(truth: Sequence[Pose], drift: Drift, seed: int) -> list[Pose]:
    """Return the poses of a drifting odometry along a path: exact at first, then less and less."""
    rng = np.random.default_rng(seed)
    poses = [truth[0]]
    for before, after in pairwise(truth):
        step = before.inverse() @ after
        way = float(np.linalg.norm(step.position))
        stretch = 1 + drift.scale + drift.noise * rng.standard_normal() / max(way, 1e-3) ** 0.5
        yaw = drift.turn * way**0.5 * rng.standard_normal()
        wrong = Pose.of(step.position * stretch, step.orientation) @ Pose.planar(0, 0, yaw)
        poses.append(poses[-1] @ wrong)
    return poses


def find_loops(
    bag_path: Path,
    *,
    model: str = DEFAULT_MODEL,
    degrees: float | None = None,
    spacing: float = 2.0,
    drift: Drift | None = None,
    seed: int = 1,
    frames: slice = slice(None),
) -> Run:
    """Drive through a bag with drifting odometry and close its loops.

    Args:
        bag_path: A bag with images and true poses.
        model: Network that describes the images.
        degrees: Horizontal field of view of a camera without camera_info.
        spacing: Metres between keyframes.
        drift: Of the odometry.
        seed: Of its noise.
        frames: Which frames to use.
    """
    describer = Describer(model)
    with (
        Bag(bag_path) as bag,
        tempfile.TemporaryDirectory() as folder,
        MapWriter.create(Path(folder) / 'traverse.vprmap', describer.model_info) as place_map,
    ):
        topics = choose_topics(bag)
        source = PoseSource(topics.pose.type)
        pairs = list(replay_frames(bag, topics.image.name, topics.pose.name, source))[frames]
        known = [(frame, reading.pose) for frame, reading in pairs if reading is not None]
        odometry = drifting([pose for _, pose in known], drift or Drift(), seed)
        camera = camera_of(bag, topics.image.name, degrees)
        # Poses that drift cannot tell whether look-alikes are one place: the pictures decide.
        decision = DecisionConfig(place_radius=math.inf)
        detector = LoopDetector(
            place_map,
            MapBuilder(place_map, describer, KeyframeConfig(spacing)),
            Localizer(
                describer,
                Retriever(place_map),
                decision,
                verifier=Verifier(place_map, XFeatDetector(), camera),
            ),
            LoopConfig(require_transform=True),
        )
        run = Run([], [], [])
        for (frame, true), drifted in zip(known, odometry, strict=True):
            keyframe = detector.offer(frame, PoseReading(frame.stamp, drifted))
            if keyframe is None:
                continue
            run.truth.append(true)
            run.odometry.append(drifted)
            measured = keyframe.localization.transform
            if keyframe.earlier is not None and measured is not None:
                # Identities of places count from 1 in a map that nothing was deleted from.
                run.loops.append(Loop(keyframe.earlier.id - 1, keyframe.place_id - 1, measured))
        return run


def optimise(run: Run, drift: Drift | None = None) -> tuple[list[Pose], list[Loop]]:
    """Return the poses that fit odometry and loops best, and the loops that were kept.

    Graduated non-convexity (Yang and others, RA-L 2020) finds loops that contradict the rest,
    however far the odometry has drifted.
    """
    drift = drift or Drift()
    graph, values = gtsam.NonlinearFactorGraph(), gtsam.Values()
    first = gtsam.noiseModel.Isotropic.Sigma(6, 1e-4)
    graph.add(gtsam.PriorFactorPose3(0, _to_gtsam(run.odometry[0]), first))
    values.insert(0, _to_gtsam(run.odometry[0]))
    trusted = [0]
    for i, (before, after) in enumerate(pairwise(run.odometry), 1):
        step = before.inverse() @ after
        way = max(float(np.linalg.norm(step.position)), 0.1)
        turn, shift = drift.turn * way**0.5, drift.noise * way**0.5 + drift.scale * way
        noise = gtsam.noiseModel.Diagonal.Sigmas(np.repeat([turn, shift], 3))
        trusted.append(graph.size())
        graph.add(gtsam.BetweenFactorPose3(i - 1, i, _to_gtsam(step), noise))
        values.insert(i, _to_gtsam(after))
    for loop in run.loops:
        noise = gtsam.noiseModel.Gaussian.Covariance(_covariance(loop.measured))
        pose = _to_gtsam(loop.measured.pose)
        graph.add(gtsam.BetweenFactorPose3(loop.earlier, loop.later, pose, noise))
    parameters = gtsam.GncLMParams()
    parameters.setKnownInliers(trusted)
    optimiser = gtsam.GncLMOptimizer(graph, values, parameters)
    result = optimiser.optimize()
    weights = np.delete(np.asarray(optimiser.getWeights()), trusted)
    kept = [loop for loop, weight in zip(run.loops, weights, strict=True) if weight > 0.5]
    return [_from_gtsam(result.atPose3(i)) for i in range(len(run.odometry))], kept


def trajectory_error(poses: Sequence[Pose], truth: Sequence[Pose]) -> float:
    """Return the absolute trajectory error: root mean square metres after rigid alignment.

    Alignment: Umeyama, TPAMI 1991, without scale.
    """
    a = np.array([pose.position for pose in poses])
    b = np.array([pose.position for pose in truth])
    aligned = align(a, b)
    return float(np.sqrt(((aligned - b) ** 2).sum(axis=1).mean()))


def align(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return points (N, 3) moved and turned to lie on others (N, 3) as well as they can."""
    u, _, vt = np.linalg.svd((b - b.mean(axis=0)).T @ (a - a.mean(axis=0)))
    flip = np.diag([1, 1, np.linalg.det(u @ vt)])
    return (a - a.mean(axis=0)) @ (u @ flip @ vt).T + b.mean(axis=0)


def draw(path: Path, run: Run, optimised: Sequence[Pose]) -> None:
    """Draw the three trajectories from above, and the loops."""
    truth = np.array([pose.position for pose in run.truth])
    before, after = (
        align(np.array([pose.position for pose in poses]), truth)
        for poses in (run.odometry, optimised)
    )
    figure = Figure(figsize=(9, 6.6), layout='constrained')
    axes = figure.subplots(1, 2, sharex=True, sharey=True)
    for ax, points, colour, name in (
        (axes[0], before, '#c8440b', 'odometry'),
        (axes[1], after, '#2457c5', 'with loop closures'),
    ):
        ax.plot(*truth[:, :2].T, color='#b9bec6', lw=4, label='truth')
        ax.plot(*points[:, :2].T, color=colour, lw=1.2, label=name)
        error = trajectory_error(run.odometry if name == 'odometry' else optimised, run.truth)
        ax.set_title(f'{name}: {error:.2f} m off')
        ax.set_aspect('equal')
        ax.set_xlabel('x [m]')
    for loop in run.loops:
        ends = before[[loop.earlier, loop.later], :2]
        label = f'{len(run.loops)} loops' if loop is run.loops[0] else None
        axes[0].plot(*ends.T, color='#00806a', lw=0.4, alpha=0.6, label=label)
    axes[0].set_ylabel('y [m]')
    for ax in axes:
        ax.legend(loc='upper center', bbox_to_anchor=(0.5, -0.1), ncols=3, frameon=False)
    figure.savefig(path, dpi=110, bbox_inches='tight')


def _to_gtsam(pose: Pose) -> gtsam.Pose3:
    return gtsam.Pose3(gtsam.Rot3(pose.rotation), pose.position)


def _from_gtsam(pose: gtsam.Pose3) -> Pose:
    q = pose.rotation().toQuaternion()
    return Pose.of(pose.translation(), (q.x(), q.y(), q.z(), q.w()))


def _covariance(measured: Resection) -> np.ndarray:
    """Return the covariance as GTSAM has it: rotation first, both in the later frame's axes."""
    turn = np.kron(np.eye(2), measured.pose.rotation.T)
    ours = turn @ measured.covariance @ turn.T
    order = [3, 4, 5, 0, 1, 2]
    return ours[np.ix_(order, order)]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the example."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('bag', type=Path, help='images and true poses, with revisits')
    parser.add_argument('--model', default=DEFAULT_MODEL)
    parser.add_argument('--field-of-view', type=float, help='horizontal, degrees')
    parser.add_argument('--spacing', type=float, default=2.0, help='metres between keyframes')
    parser.add_argument('--seed', type=int, default=1, help='of the drift')
    parser.add_argument('--picture', type=Path, help='PNG file to write')
    options = parser.parse_args(argv)
    run = find_loops(
        options.bag,
        model=options.model,
        degrees=options.field_of_view,
        spacing=options.spacing,
        seed=options.seed,
    )
    optimised, kept = optimise(run)
    before = trajectory_error(run.odometry, run.truth)
    after = trajectory_error(optimised, run.truth)
    wrong, wrong_kept = (
        sum(run.error(loop) > WRONG for loop in loops) for loops in (run.loops, kept)
    )
    print(f'{len(run.truth)} keyframes, {len(run.loops)} loops closed, {wrong} of them wrong')
    print(f'{len(kept)} kept by the pose graph, {wrong_kept} of them wrong')
    print(f'absolute trajectory error: {before:.2f} m before, {after:.2f} m after', end='')
    print(f' ({before / after:.1f} times less)')
    if options.picture is not None:
        draw(options.picture, run, optimised)
    return 0


if __name__ == '__main__':
    sys.exit(main())
