#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
# Run everything that needs a GPU in at most nine minutes, also on a bare machine that has torch and
# no package registry: WHEELS names a folder of the wheels that `--list-wheels` lists. The options
# are those of on_gpu.py.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
if [ -n "${WHEELS:-}" ]; then
  site=$(mktemp -d)
  trap 'rm -rf "$site"' EXIT
  "$python" -m pip install --quiet --no-index --no-deps --no-compile --target "$site" "$WHEELS"/*.whl
  export PYTHONPATH="$site${PYTHONPATH:+:$PYTHONPATH}"
fi
timeout --kill-after 5 515 "$python" scripts/on_gpu.py "$@"
