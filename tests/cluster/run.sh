#!/bin/bash
# run.sh PYTEST_ARGUMENT...: the tests on the cluster that KUBECONFIG names, in two processes, for most of the time is waiting.
# Each has a release of its own: tests marked `aside` wait for minutes, under little load, while the others go on.
set -uo pipefail
here=$(dirname "$0")
pytest=("$here/../../.venv/bin/python" -m pytest --durations=0 --durations-min=1 "$here" "$@")
said=$(mktemp)
CLUSTER_RELEASE=recommender-aside "${pytest[@]}" -m aside >"$said" 2>&1 &
aside=$!
trap 'kill -INT $aside 2>/dev/null; wait $aside; rm -f "$said"' EXIT
"${pytest[@]}" -m "not aside"
in_turn=$?
wait $aside
aside_too=$?
cat "$said"
# 5: of that part nothing was asked for.
[ "$in_turn,$aside_too" != 5,5 ] && [[ $in_turn =~ ^[05]$ && $aside_too =~ ^[05]$ ]]
