# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
# Sourced by the set-up scripts. step TEXT LOG COMMAND... runs a command quietly and says what it is
# doing and for how long: counting on a terminal, in one line otherwise. Its output goes to LOG, whose
# end is shown if the command fails.

step() {
  local text=$1 log=$2 pid status=0
  local started=$SECONDS
  shift 2
  mkdir -p "$(dirname "$log")"
  if [[ -t 1 ]]; then
    "$@" >"$log" 2>&1 &
    pid=$!
    trap 'kill "$pid" 2>/dev/null; exit 130' INT TERM
    while kill -0 "$pid" 2>/dev/null; do
      printf '\r==> %s ... %d s' "$text" $((SECONDS - started))
      sleep 0.5
    done
    wait "$pid" || status=$?
    trap - INT TERM
    printf '\r==> %s: ' "$text"
  else
    printf '==> %s ... ' "$text"
    "$@" >"$log" 2>&1 || status=$?
  fi
  if ((status)); then
    printf 'failed after %d s. The end of %s:\n' $((SECONDS - started)) "$log"
    tail -n 40 "$log"
    return "$status"
  fi
  printf 'done in %d s     \n' $((SECONDS - started))
}
