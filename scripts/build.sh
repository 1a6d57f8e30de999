#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
# Build the package with colcon into install/, against the ROS in .venv or the one that is sourced.
# Symbolic links: an edited module is in use at once.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/step.sh

venv=$PWD/.venv
[[ -z ${ROS_DISTRO:-} ]] && source "$venv/local_setup.bash"
export PATH="$venv/bin:$PATH"

text='Building the messages and the package with colcon'
[[ -d build ]] || text+=' (the first time takes a minute)'
# Without this, colcon builds one file at a time on a busy machine.
MAKEFLAGS=-j$(nproc)
export MAKEFLAGS
step "$text" log/build.log \
  colcon build --symlink-install --event-handlers console_direct+ \
  --cmake-args "-DPython3_EXECUTABLE=$venv/bin/python" -DBUILD_TESTING=OFF
# Links to modules that were removed; the registries import all that they find in a package.
find install -xtype l -delete
