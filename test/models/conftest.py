# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))  # for reference.py, with --import-mode=importlib


@pytest.fixture(autouse=True)
def _inference():
    with torch.no_grad():
        yield
