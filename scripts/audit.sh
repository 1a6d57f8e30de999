#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
# Ask the Python Packaging Advisory Database about known vulnerabilities of the installed packages.
# Needs the internet, so that no test depends on it. audit.sh [FOLDER]: where pip-audit is kept.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=${1:-build/audit}
if ! "${PYTHON:-python3}" -m pip install --quiet --disable-pip-version-check --target "$folder" \
    'pip-audit==2.10.1' >"$folder.log" 2>&1; then
  echo "make audit needs the internet, for pip-audit and its database; see $folder.log" >&2
  exit 1
fi
# The ROS wheels of development are not on a robot, and their database is that of the distribution.
if ! PYTHONPATH=$folder "${PYTHON:-python3}" -m pip_audit --no-deps --disable-pip \
    -r requirements/python.txt; then
  echo 'Weaknesses were found, or the database could not be asked: see above.' >&2
  exit 1
fi
