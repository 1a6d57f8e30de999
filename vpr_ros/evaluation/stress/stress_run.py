# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Runs each state in each mode through the localizer of the product, and judges the answers."""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from vpr_ros.evaluation.metrics import distances, within
from vpr_ros.evaluation.stress.map_changes import can_double, map_of
from vpr_ros.evaluation.stress.remembering import RememberingDescriber, RememberingVerifier
from vpr_ros.evaluation.stress.states import State, elsewhere
from vpr_ros.evaluation.stress.stress_results import (
    StressAnswer,
    StressEvaluation,
    StressSetup,
    WrongAnswer,
    figures,
)
from vpr_ros.localize import FILTERS, Localizer, Status, detector_of, make_filter
from vpr_ros.localize.temporal import BLIND
from vpr_ros.search import Retriever
from vpr_ros.version import SOFTWARE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vpr_ros.describe import Describer
    from vpr_ros.evaluation.metrics import Tolerance
    from vpr_ros.evaluation.stress.recording import Recording, Shot
    from vpr_ros.evaluation.stress.scenario import Scenario, StressFrame
    from vpr_ros.geometry import Pose
    from vpr_ros.localize import Calibration, Localization, Reranking, Verifier
    from vpr_ros.maps import PlaceMap


@dataclass(frozen=True)
class Mode:
    """A way to decide.

    Attributes:
        kind: Name of the temporal filter, or empty.
        odometry: Whether it gets odometry.
    """

    kind: str = ''
    odometry: bool = False

    def __str__(self) -> str:
        if not self.kind:
            return 'single frames'
        return f'{self.kind} with odometry' if self.odometry else self.kind

    @property
    def stage(self) -> str:
        """The stage of a calibration that it needs."""
        return self.kind if self.odometry else self.kind + BLIND


MODES = (Mode(), *(Mode(kind, odometry) for kind in FILTERS for odometry in (False, True)))
"""Every mode that the product offers."""


@dataclass(frozen=True, eq=False)
class StressTest:
    """The recogniser to be tested, and what it is tested with.

    Attributes:
        place_map: The map.
        recording: A traverse with true poses in the frame of the map.
        foreign: Traverses of places that the map does not show.
        describer: Of the map.
        calibration: Of the describer's model; without one only single frames are judged.
        verifier: Compares local features; None does not.
        reranking: How many candidates it compares.
        tolerance: How near a correct answer is.
    """

    place_map: PlaceMap
    recording: Recording
    foreign: tuple[Recording, ...]
    describer: Describer
    calibration: Calibration | None
    verifier: Verifier | None
    reranking: Reranking
    tolerance: Tolerance

    def modes(self) -> list[Mode]:
        """Return the modes that are possible."""
        stages = self.calibration.stages if self.calibration is not None else {}
        return [mode for mode in MODES if not mode.kind or mode.stage in stages]

    def states(self, chosen: Sequence[State]) -> list[State]:
        """Return states, and one for each foreign traverse."""
        return [*chosen, *(_foreign(recording) for recording in self.foreign)]


@dataclass(frozen=True, eq=False)
class StressRun:
    """The result, and the pictures that were answered wrongly.

    Attributes:
        evaluation: The result.
        pictures: By state and number of the frame.
    """

    evaluation: StressEvaluation
    pictures: dict[tuple[str, int], Shot] = field(default_factory=dict)


def run_stress(
    test: StressTest,
    states: Sequence[State],
    *,
    created: str = '',
    progress: Callable[[str, int, int], None] = lambda _state, _done, _total: None,
) -> StressRun:
    """Run states in every mode that is possible.

    Args:
        test: The recogniser and its inputs.
        states: To be run; states of foreign traverses are added.
        created: Date and time, ISO 8601, stored with the results.
        progress: Called before each mode with the state, how many modes are done, and of how many.
    """
    modes, rows, wrong = test.modes(), [], []
    pictures: dict[tuple[str, int], Shot] = {}
    meanings, left_out = {}, _missing_modes(test, modes)
    memory = _Memory(test)
    places = np.asarray(test.place_map.snapshot.columns.poses, np.float64)
    with tempfile.TemporaryDirectory(prefix='vpr_stress_') as folder:
        for state in test.states(states):
            scenario = state.make(test.recording, places)
            if scenario.copied is not None and not can_double(test.place_map):
                left_out[state.name] = 'the descriptors of the map were shortened'
                continue
            meanings[state.name] = state.meaning
            possible = [mode for mode in modes if mode.odometry or not scenario.needs_odometry]
            with map_of(scenario, test.place_map, Path(folder)) as place_map:
                memory.search(place_map)
                for number, mode in enumerate(possible):
                    progress(state.name, number, len(possible))
                    answers = _answers(test, memory, place_map, scenario, mode)
                    rows.append(figures(state.name, str(mode), answers))
                    shown = [frame.shot for run in scenario.runs for frame in run]
                    for answer in answers:
                        if answer.wrong and answer.counted:
                            wrong.append(_wrong(state, mode, answer))
                            pictures[state.name, answer.frame] = shown[answer.frame]
            progress(state.name, len(possible), len(possible))
    setup = StressSetup(
        query=test.recording.name,
        map=test.place_map.path.name,
        places=len(test.place_map),
        frames=len(test.recording),
        model=test.place_map.model,
        tolerance=test.tolerance,
        states=meanings,
        modes=[str(mode) for mode in modes],
        detector=detector_of(memory.verifier),
        left_out=left_out,
        created=created,
        software=SOFTWARE,
    )
    return StressRun(StressEvaluation(setup, tuple(rows), tuple(wrong)), pictures)


class _Memory:
    """The describer and the verifier of all states and modes."""

    def __init__(self, test: StressTest) -> None:
        self.describer = RememberingDescriber(test.describer)
        self.verifier = (
            None if test.verifier is None else RememberingVerifier(test.verifier, test.place_map)
        )

    def search(self, place_map: PlaceMap) -> None:
        if self.verifier is not None:
            self.verifier.search(place_map)

    def announce(self, shot: Shot) -> None:
        self.describer.shot = shot
        if self.verifier is not None:
            self.verifier.shot = shot


def _answers(
    test: StressTest,
    memory: _Memory,
    place_map: PlaceMap,
    scenario: Scenario,
    mode: Mode,
) -> list[StressAnswer]:
    answers: list[StressAnswer] = []
    retriever = Retriever(place_map)
    for number, frames in enumerate(scenario.runs):
        temporal = None
        if mode.kind and test.calibration is not None:
            temporal = make_filter(
                mode.kind,
                lambda: place_map.snapshot.columns,
                test.calibration.places,
                detector=detector_of(memory.verifier),
            )
        localizer = Localizer(
            # Describes as the other does, and need not be one.
            cast('Describer', memory.describer),
            retriever,
            verifier=memory.verifier,
            reranking=test.reranking,
            calibration=test.calibration,
            temporal=temporal,
        )
        for frame in frames:
            memory.announce(frame.shot)
            odometry = frame.odometry if mode.odometry else None
            try:
                found = localizer.localize(frame, odometry=odometry)
            except (ValueError, ArithmeticError) as error:  # a robot would get no answer either
                answers.append(_failed(frame, error, number, len(answers)))
            else:
                answers.append(
                    _judged(test.tolerance, scenario, frame, found, number, len(answers))
                )
    return answers


def _judged(
    tolerance: Tolerance,
    scenario: Scenario,
    frame: StressFrame,
    found: Localization,
    run: int,
    number: int,
) -> StressAnswer:
    candidates, decision = found.candidates, found.decision
    accepted = decision.status == Status.ACCEPTED
    known = candidates.probabilities
    given = [] if not len(candidates) else [candidates.poses[0]]
    if decision.pose is not None and not scenario.place_only:
        given.append(decision.pose.as_array())
    right, off = [False], math.nan
    if frame.truth is not None and given:
        truth, poses = frame.truth.as_array(), np.array(given)
        right = within(poses, truth, tolerance).tolist()
        off = float(distances(poses, truth).max())
    return StressAnswer(
        frame=number,
        run=run,
        counted=frame.counted,
        carried=frame.carried,
        accepted=accepted,
        wrong=accepted and not all(right),
        place_right=right[0],
        probability=float(known[0]) if known is not None and len(candidates) else math.nan,
        nees=_nees(decision.pose, decision.covariance, frame.truth),
        place=int(candidates.ids[0]) if len(candidates) else 0,
        off=off,
        reason=decision.reason,
    )


def _failed(frame: StressFrame, error: Exception, run: int, number: int) -> StressAnswer:
    return StressAnswer(
        frame=number,
        run=run,
        counted=frame.counted,
        carried=frame.carried,
        reason=f'{type(error).__name__}: {error}',
        failed=True,
    )


def _nees(pose: Pose | None, covariance: np.ndarray | None, truth: Pose | None) -> float:
    """Return the normalised estimation error squared of x, y and yaw."""
    if pose is None or covariance is None or truth is None:
        return math.nan
    x, y, _ = truth.position - pose.position
    yaw = math.remainder(truth.yaw - pose.yaw, 2 * math.pi)
    error, rows = np.array([x, y, yaw]), [0, 1, 5]
    return float(error @ np.linalg.solve(covariance[np.ix_(rows, rows)], error))


def _wrong(state: State, mode: Mode, answer: StressAnswer) -> WrongAnswer:
    return WrongAnswer(
        state.name,
        str(mode),
        answer.frame,
        answer.place,
        answer.probability,
        answer.off,
        answer.reason,
    )


def _foreign(recording: Recording) -> State:
    return State(
        f'foreign: {recording.name}',
        'places that the map does not show',
        lambda _recording, _places: elsewhere(recording),
    )


def _missing_modes(test: StressTest, modes: Sequence[Mode]) -> dict[str, str]:
    why = 'there is no calibration of the model'
    if test.calibration is not None:
        why = 'the calibration does not allow it'
    return {str(mode): why for mode in MODES if mode not in modes}
