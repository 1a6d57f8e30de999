# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""For tools that look for a setup.py; pyproject.toml says everything."""

from setuptools import setup

setup()
