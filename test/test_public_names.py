# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess
import sys

import pytest

import vpr_ros


def test_every_public_name_can_be_imported():
    assert all(getattr(vpr_ros, name).__name__ == name for name in vpr_ros.__all__)
    assert set(vpr_ros.__all__) <= set(dir(vpr_ros))


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match='no_such_name'):
        _ = vpr_ros.no_such_name


def test_importing_the_package_loads_nothing_heavy():
    code = 'import sys, vpr_ros; assert not {"torch", "cv2", "numpy", "faiss"} & set(sys.modules)'
    subprocess.run([sys.executable, '-c', code], check=True)
