# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where the data are that tests take and the repository does not hold."""

import os
from pathlib import Path

DATA = Path(os.environ.get('VPR_TEST_DATA', Path(__file__).parents[2] / 'shared' / 'data'))
BAGS = DATA / 'bags'
