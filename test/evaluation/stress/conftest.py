# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
from pathlib import Path

# The tests are imported by file, so that helpers beside them must be made findable.
sys.path.insert(0, str(Path(__file__).parent))
