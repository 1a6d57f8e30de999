#!/bin/sh
# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
# Says, one line each, what must be installed before the package can be set up. PYTHON names the
# interpreter to use.

python=${PYTHON:-python3}
missing=0

lacks() {
  echo "Missing: $1" >&2
  missing=1
}

for tool in bash cmake gcc g++; do
  command -v "$tool" >/dev/null || lacks "$tool. Install it: sudo apt install $tool"
done

if ! command -v "$python" >/dev/null; then
  lacks "$python. Install it: sudo apt install python3 python3-venv python3-dev"
elif ! "$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))'; then
  lacks "Python 3.10 to 3.13 ($python is $("$python" -V 2>&1)). Name another: make PYTHON=python3.11"
else
  "$python" -c 'import ensurepip, venv' 2>/dev/null ||
    lacks "Python's venv module. Install it: sudo apt install python3-venv"
  "$python" -c '
import os, sys, sysconfig
sys.exit(not os.path.isfile(os.path.join(sysconfig.get_path("include"), "Python.h")))' ||
    lacks "Python's C headers. Install them: sudo apt install python3-dev"
fi

if [ -z "${ROS_DISTRO:-}" ] && [ "$(uname -sm)" != 'Linux x86_64' ]; then
  lacks "a sourced ROS 2 distribution (the wheels are for x86_64 only; this is $(uname -sm)).\
 Install ROS 2 and source its setup.bash first."
fi

exit "$missing"
