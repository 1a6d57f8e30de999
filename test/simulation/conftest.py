# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from vpr_ros.simulation import SimulatedCamera, Town


@pytest.fixture(scope='package')
def town() -> Town:
    return Town(seed=0, camera=SimulatedCamera(width=160, height=120))
