# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from vpr_ros.cli.recalibrating import OwnDrives
from vpr_ros.evaluation.calibration_models import Predictions

OWN = OwnDrives(Path('day.vprmap'), [Path('night')], (None, None), (0.0, 0.3))


def _result(accepted, right, mapped, states):
    """Return the predictions for sessions: own, own in another map, and of another world."""
    count = len(accepted)
    return SimpleNamespace(
        predictions={
            'frame': Predictions(
                np.where(accepted, 0.99, 0.1),
                np.array(right, bool),
                np.array(mapped, bool),
                np.repeat(np.arange(count // 4), 4),
                (OWN.world, OWN.world, 'elsewhere'),
                states,
            )
        },
        calibration=SimpleNamespace(stages={'frame': SimpleNamespace(threshold=0.9)}),
    )


def test_only_own_images_in_the_own_map_are_counted():
    accepted = [1, 1, 1, 0, 1, 0, 0, 0, 1, 1, 1, 1]
    right = [1, 1, 0, 0] + [0] * 4 + [1] * 4
    mapped = [1, 1, 1, 0] + [0] * 4 + [1] * 4
    found = OWN.judged(_result(accepted, right, mapped, ('', '', '')))
    assert (found['images'], found['accepted'], found['wrong']) == (4, 3, 1)
    assert found['precision'] == pytest.approx(0.1354, abs=1e-4)  # 2 of 3, Clopper and Pearson


def test_states_that_were_made_of_the_drives_are_not_counted():
    found = OWN.judged(_result([1] * 12, [1] * 12, [1] * 12, ('', 'gaps', '')))
    assert found['images'] == 4


def test_where_nothing_is_accepted_nothing_is_proved():
    found = OWN.judged(_result([0] * 12, [1] * 12, [1] * 12, ('', '', '')))
    assert (found['accepted'], found['precision']) == (0, 0.0)
