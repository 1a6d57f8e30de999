# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
from pathlib import Path

# The tests are imported by file, so that helpers beside them must be made findable.
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from ros_fixtures import _ros, listener, start  # noqa: F401
