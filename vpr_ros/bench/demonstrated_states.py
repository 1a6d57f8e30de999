# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the demonstration shows of a stress test: the whole map, and its first half alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpr_ros.describe import Describer
from vpr_ros.evaluation.stress.recording import read_recording
from vpr_ros.evaluation.stress.states import STATES
from vpr_ros.evaluation.stress.stress_run import StressTest, run_stress
from vpr_ros.evaluation.words import now
from vpr_ros.inputs.bags import Bag, choose_topics
from vpr_ros.localize import Reranking, Verifier, calibration_for, local_detector
from vpr_ros.maps import PlaceMap

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vpr_ros.evaluation import Tolerance
    from vpr_ros.evaluation.stress.stress_results import StressEvaluation

_NAMES = 'as-it-is', 'beyond-the-end'
_EVERY = 4
"""Every fourth picture is taken, which are enough to see it."""


def demonstrate_states(
    map_path: Path, bag_path: Path, tolerance: Tolerance, progress: Callable[[str, int, int], None]
) -> StressEvaluation:
    """Localise a drive in a map and in its first half, in every mode.

    Args:
        map_path: The map.
        bag_path: The drive.
        tolerance: How near a correct answer is.
        progress: Called with the step, how much of it is done, and how much there is.
    """
    with PlaceMap.open(map_path) as place_map, Bag(bag_path) as bag:
        describer = Describer(place_map.model.name)
        topics = choose_topics(bag, pose='/odom')
        detector = local_detector('xfeat')
        test = StressTest(
            place_map,
            read_recording(
                bag,
                topics.image,
                topics.pose,
                describer,
                every=_EVERY,
                progress=lambda done, total: progress('describing the evening', done, total),
            ),
            (),
            describer,
            calibration_for(describer.model_info),
            None if detector is None else Verifier(place_map, detector),
            Reranking(),
            tolerance,
        )
        states = [state for state in STATES if state.name in _NAMES]
        return run_stress(
            test,
            states,
            created=now(),
            progress=lambda state, done, total: progress(f'mode by mode: {state}', done, total),
        ).evaluation
