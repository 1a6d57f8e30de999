# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The answers in each state and mode, the figures made of them, and their JSON form."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from vpr_ros.evaluation.metrics import reliability
from vpr_ros.evaluation.stored import StoredResult, restored
from vpr_ros.evaluation.words import share
from vpr_ros.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpr_ros.evaluation.metrics import Tolerance
    from vpr_ros.types import ModelInfo

_WITHIN_95 = 7.815
"""95 % quantile of the chi-squared distribution with three degrees of freedom."""


@dataclass(frozen=True)
class StressAnswer:
    """The answer to one frame, judged.

    Attributes:
        frame: Number of the frame in its state, over all runs.
        run: Number of the run.
        counted: Whether it counts.
        carried: Whether the robot was carried here since the frame before.
        reason: For the decision, in words.
        accepted: Whether it was given out as a position.
        wrong: Whether it was accepted and is wrong.
        place_right: Whether the first candidate is a correct place.
        probability: Of the first candidate; NaN where it is not known.
        nees: Squared error of x, y and yaw by the covariance (Bar-Shalom et al., 2001, equation
            5.4.2-1); NaN where no pose was given out or the truth is not known.
        place: Id of the first candidate, 0 where there is none.
        off: Metres between the truth and the further one of place and pose; NaN without a truth.
        failed: Whether the localizer raised an error in its place.
    """

    frame: int
    run: int
    counted: bool
    carried: bool
    reason: str
    accepted: bool = False
    wrong: bool = False
    place_right: bool = False
    probability: float = math.nan
    nees: float = math.nan
    place: int = 0
    off: float = math.nan
    failed: bool = False


@dataclass(frozen=True)
class StressRow:
    """The figures of one state in one mode; NaN where there is nothing to compute from.

    Attributes:
        state: Name.
        mode: Name.
        frames: That count.
        accepted: Answers given out.
        wrong: Wrong ones among them.
        longest: Most wrong ones in direct succession.
        failed: Frames at which the localizer raised an error.
        carried: How often the robot was carried away.
        recovery: Median of the frames after that until a right answer, which is counted too;
            infinite where there was none after most of them; NaN where it was not carried.
        ece: Expected calibration error of the first candidates' probabilities.
        nees: Mean of the squared errors of right answers by their covariance: 3 is consistent,
            more is overconfident.
        inside: Share of the right answers whose error lies within the 95 % region.
    """

    state: str
    mode: str
    frames: int
    accepted: int
    wrong: int
    longest: int
    failed: int
    carried: int
    recovery: float
    ece: float
    nees: float
    inside: float

    @property
    def right(self) -> int:
        """Right answers given out."""
        return self.accepted - self.wrong


@dataclass(frozen=True)
class WrongAnswer:
    """A wrong answer that was given out; for the attributes see `StressAnswer`."""

    state: str
    mode: str
    frame: int
    place: int
    probability: float
    off: float
    reason: str


@dataclass(frozen=True)
class StressSetup:
    """The inputs and options of a stress test.

    Attributes:
        query: Name of the bag with the traverse.
        map: Name of the map.
        places: Places of the map.
        frames: Pictures of the traverse.
        model: The network.
        tolerance: How near a correct answer is.
        states: Each state and its meaning.
        modes: Names of the modes.
        detector: Of the local features that were compared, or empty.
        left_out: States and modes that were not possible, and why.
        created: Time, ISO 8601, or empty.
        software: Name and version of the program.
    """

    query: str
    map: str
    places: int
    frames: int
    model: ModelInfo
    tolerance: Tolerance
    states: dict[str, str]
    modes: list[str]
    detector: str = ''
    left_out: dict[str, str] = field(default_factory=dict)
    created: str = ''
    software: str = ''


@dataclass(frozen=True, eq=False)
class StressEvaluation(StoredResult):
    """The result of a stress test: setup, figures, and every wrong answer."""

    SCHEMA: ClassVar[str] = 'vpr_ros/stress'

    setup: StressSetup
    rows: tuple[StressRow, ...]
    wrong: tuple[WrongAnswer, ...]

    def content(self) -> dict[str, Any]:
        """Return setup, rows and wrong answers; a recovery that never came is ``never``."""
        rows = [
            asdict(row) | ({'recovery': 'never'} if math.isinf(row.recovery) else {})
            for row in self.rows
        ]
        return {
            'setup': asdict(self.setup),
            'rows': rows,
            'wrong': [asdict(answer) for answer in self.wrong],
        }

    @classmethod
    def restore(cls, data: dict[str, Any]) -> StressEvaluation:
        """Rebuild from the JSON form; see `StoredResult.restore`."""
        rows = []
        for each in data['rows']:
            never = {'recovery': math.inf} if each['recovery'] == 'never' else {}
            rows.append(StressRow(**_known(each) | never))
        wrong = [WrongAnswer(**_known(one)) for one in data['wrong']]
        return cls(restored(StressSetup, data['setup']), tuple(rows), tuple(wrong))


def _known(values: dict[str, Any]) -> dict[str, Any]:
    """Return values with NaN for null."""
    return {key: math.nan if value is None else value for key, value in values.items()}


def figures(state: str, mode: str, answers: Sequence[StressAnswer]) -> StressRow:
    """Return the figures of the answers in one state and mode."""
    judged = [answer for answer in answers if answer.counted]
    known = [answer for answer in judged if not math.isnan(answer.probability)]
    probabilities = np.array([answer.probability for answer in known])
    places = np.array([answer.place_right for answer in known], np.bool_)
    squares = np.array([one.nees for one in judged if one.accepted and not one.wrong])
    squares = squares[~np.isnan(squares)]
    waits = _recoveries(answers)
    return StressRow(
        state=state,
        mode=mode,
        frames=len(judged),
        accepted=sum(answer.accepted for answer in judged),
        wrong=sum(answer.wrong for answer in judged),
        longest=_longest(judged),
        failed=sum(answer.failed for answer in judged),
        carried=len(waits),
        recovery=float(np.median(waits)) if waits else math.nan,
        ece=reliability(probabilities, places).ece if known else math.nan,
        nees=float(squares.mean()) if len(squares) else math.nan,
        inside=float((squares <= _WITHIN_95).mean()) if len(squares) else math.nan,
    )


def _longest(answers: Sequence[StressAnswer]) -> int:
    longest = running = 0
    run = -1
    for answer in answers:
        running = running + 1 if answer.wrong and answer.run == run else int(answer.wrong)
        run = answer.run
        longest = max(longest, running)
    return longest


def _recoveries(answers: Sequence[StressAnswer]) -> list[float]:
    """Return after how many frames each robot that was carried away was right again."""
    waits: list[float] = []
    for i, answer in enumerate(answers):
        if answer.carried:
            waits.append(math.inf)
            for later in answers[i:]:
                if later.run != answer.run:
                    break
                if later.accepted and not later.wrong:
                    waits[-1] = later.frame - answer.frame + 1.0
                    break
    return waits


def stress_verdict(evaluation: StressEvaluation) -> str:
    """Return the outcome in one or two sentences."""
    safe = [
        state
        for state in evaluation.setup.states
        if not any(row.wrong for row in evaluation.rows if row.state == state)
    ]
    states = counted(len(evaluation.setup.states), 'state')
    text = f'In {len(safe)} of {states} no mode accepted a wrong answer. '
    modes = {
        mode: (
            sum(row.wrong for row in evaluation.rows if row.mode == mode),
            sum(row.frames for row in evaluation.rows if row.mode == mode),
        )
        for mode in evaluation.setup.modes
    }
    shares = [
        f'{mode} {share(wrong / frames)}' for mode, (wrong, frames) in modes.items() if frames
    ]
    return text + f'Wrong answers of all frames: {", ".join(shares)}.'
