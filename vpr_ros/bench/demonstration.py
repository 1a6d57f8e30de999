# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The demonstration: two drives through a synthetic town, live nodes, and a report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vpr_ros.bench.answer_recorder import AnswerRecorder, to_query_result
from vpr_ros.bench.bag_player import Playback, Played, play
from vpr_ros.bench.demonstrated_states import demonstrate_states
from vpr_ros.bench.node_process import NodeProcess, reliable
from vpr_ros.errors import VprError
from vpr_ros.evaluation import Evaluation, Setup, Tolerance
from vpr_ros.evaluation.bag_evaluation import frame_pictures, place_pictures, place_table
from vpr_ros.evaluation.report import render_report
from vpr_ros.evaluation.words import now
from vpr_ros.inputs.bags import Bag, choose_topics
from vpr_ros.inputs.replay import replay_frames
from vpr_ros.maps import MapWriter, PlaceMap
from vpr_ros.simulation import Conditions, Town, Traverse, write_bag
from vpr_ros.stamps import SECOND
from vpr_ros.version import SOFTWARE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import TypeAlias

    from vpr_ros.evaluation.stress.stress_results import StressEvaluation
    from vpr_ros.nodes.parameter_fields import Value

    Progress: TypeAlias = Callable[[str, float, float], None]
    """Called with the name of the step, how much of it is done, and how much there is."""

_IMAGE = '/camera/image_raw'
_NODE = '/place_recognition_node'
_ANSWERS = f'{_NODE}/candidates'
_TOLERANCE = 5.0
"""Metres within which an answer counts as correct."""
_PATIENCE = 60.0
"""Seconds a node may take to start, or to answer."""


@dataclass(frozen=True)
class Drive:
    """One of the two traverses of the demonstration."""

    name: str
    conditions: str
    lateral_shift: float
    seed: int


DAY = Drive('day', 'day', 0.0, 1)
EVENING = Drive('evening', 'evening-rain', 1.0, 2)


@dataclass(frozen=True)
class DemoResult:
    """The files and figures of the demonstration.

    Attributes:
        evaluation: Of the live node's answers.
        report: The page.
        sent: Images sent to the node that recognises.
        to_map: Images sent to the node that maps; on a busy machine it misses some.
        states: The evening in the whole map and in its first half, in every mode.
    """

    evaluation: Evaluation
    report: Path
    sent: int
    to_map: int
    states: StressEvaluation


def run_demo(folder: Path, seed: int, mapping_rate: float, progress: Progress) -> DemoResult:
    """Drive by day with the map builder, by rainy evening with place recognition, and judge.

    Args:
        folder: Takes bags, map, logs and report; bags that are there already are used again.
        seed: Of the town.
        mapping_rate: Frames per second sent to the map builder, which does not answer and so
            cannot be waited for.
        progress: Called after each part of a step.

    Raises:
        VprError: A node died, or something is in the way.
    """
    folder.mkdir(parents=True, exist_ok=True)
    town = Town(seed)
    bags = {drive: _render(folder, town, drive, progress) for drive in (DAY, EVENING)}
    map_path = folder / 'town.vprmap'
    map_path.unlink(missing_ok=True)
    _build_map(folder, bags[DAY], map_path, mapping_rate, progress)
    answers = _recognise(folder, bags[EVENING], map_path, progress)
    states = demonstrate_states(map_path, bags[EVENING], Tolerance(_TOLERANCE), progress)
    states.save(folder / 'stress.json')
    return _judge(folder, bags, map_path, answers, states, progress)


def _render(folder: Path, town: Town, drive: Drive, progress: Progress) -> Path:
    path = folder / f'{drive.name}-{town.seed}'
    if not path.exists():
        conditions = Conditions.named(drive.conditions)
        traverse = Traverse(town, conditions, drive.seed, lateral_shift=drive.lateral_shift)
        write_bag(
            traverse,
            path,
            encoding='jpeg',
            progress=lambda done, total: progress(f'rendering the {drive.name}', done, total),
        )
    return path


def _build_map(folder: Path, bag: Path, map_path: Path, rate: float, progress: Progress) -> None:
    with Bag(bag) as opened:
        frames = opened.topics[f'{_IMAGE}/compressed'].count
        length = opened.duration / SECOND
    node = _node('map_builder_node', folder, map_path, {'session_name': 'day'})
    with node:
        _play(
            node,
            bag,
            Playback(rate=rate * length / frames, subscribers=1, timeout=_PATIENCE),
            lambda done: progress('mapping by day', done, length),
        )
    if not map_path.exists():
        msg = f'the map builder made no map; see {node.log}'
        raise VprError(msg)
    with MapWriter.open(map_path) as place_map:
        if not place_map.info().coder:
            place_map.recode()  # On all of it, as `vpr map build` does.


def _recognise(folder: Path, bag: Path, map_path: Path, progress: Progress) -> AnswerRecorder:
    with Bag(bag) as opened:
        length = opened.duration / SECOND
    settings: dict[str, Value] = {
        'max_candidates': 20,
        'temporal': 'sequence',
        'use_odometry': True,
    }
    node = _node('place_recognition_node', folder, map_path, settings)
    with AnswerRecorder(_NODE) as recorder, node:
        recorder.wait_for_publisher(lambda: node.alive)
        # As fast as the node answers, so that this machine's speed does not change the result.
        played = _play(
            node,
            bag,
            Playback(rate=1000, subscribers=1, wait_for=_ANSWERS, timeout=_PATIENCE),
            lambda done: progress('recognising by rainy evening', done, length),
        )
        # The player has seen the last answer; the recorder may see it a moment later.
        recorder.wait_for(played.published[f'{_IMAGE}/compressed'] - played.unanswered)
    return recorder


def _node(
    executable: str, folder: Path, map_path: Path, parameters: dict[str, Value]
) -> NodeProcess:
    """Start a node that receives every image and all odometry of a bag."""
    always = reliable(f'{_IMAGE}/compressed', '/odom')
    return NodeProcess(
        executable,
        folder / f'{executable}.log',
        {'image': _IMAGE, 'odom': '/odom'},
        {'map_path': str(map_path), 'use_sim_time': True, **parameters, **always},
    )


def _play(
    node: NodeProcess, bag: Path, playback: Playback, on_progress: Callable[[float], None]
) -> Played:
    """Play a bag to a node; where that fails because the node has died, say so instead."""
    try:
        played = play(bag, playback, on_progress)
    except VprError:
        node.check()
        raise
    node.check()
    return played


def _judge(
    folder: Path,
    bags: dict[Drive, Path],
    map_path: Path,
    recorder: AnswerRecorder,
    states: StressEvaluation,
    progress: Progress,
) -> DemoResult:
    progress('writing the report', 0, 1)
    report = folder / 'report.html'
    with Bag(bags[DAY]) as day, Bag(bags[EVENING]) as evening, PlaceMap.open(map_path) as places:
        topics = choose_topics(evening, pose='/odom')
        frames = replay_frames(evening, topics.image.name, topics.pose.name)
        truth = {frame.stamp: reading.pose for frame, reading in frames if reading is not None}
        setup = Setup(
            query='A drive by rainy evening and one metre to the side',
            map='a drive through the same streets by day',
            model=places.model,
            tolerance=Tolerance(_TOLERANCE),
            mode='temporal filter with odometry, live node',
            created=now(),
            software=SOFTWARE,
        )
        answers = [to_query_result(answer, recorder.poses, truth) for answer in recorder.answers]
        evaluation = Evaluation(setup, place_table(places), tuple(answers))
        evaluation.save(folder / 'evaluation.json')
        page = render_report(
            evaluation,
            query_pictures=frame_pictures(evening, topics.image.name),
            place_pictures=place_pictures(evaluation.places, day, topics.image.name),
        )
        report.write_text(page, encoding='utf-8')
        to_map = day.topics[f'{_IMAGE}/compressed'].count
    progress('writing the report', 1, 1)
    return DemoResult(evaluation, report, topics.image.count, to_map, states)
