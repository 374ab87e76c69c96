#!/bin/bash
# run.sh PYTEST_ARGUMENT...: the tests on the cluster that KUBECONFIG names, in two processes, for most of the time is waiting.
# Each has a release of its own: tests marked `aside` wait for minutes, under little load, while the others go on.
set -uom pipefail # m: without job control what runs beside would ignore an interrupt
here=$(dirname "$0")
pytest=("$here/../../.venv/bin/python" -m pytest --durations=0 --durations-min=1 "$here" "$@")
said=$(mktemp)
trap 'kill -INT %1 2>/dev/null; wait; rm -f "$said"' EXIT
CLUSTER_RELEASE=recommender-aside "${pytest[@]}" -m aside >"$said" 2>&1 &
aside=$!
"${pytest[@]}" -m "not aside"
in_turn=$?
[ $in_turn != 2 ] || exit 2 # interrupted, or nothing to run on
wait $aside
aside_too=$?
cat "$said"
# 5: of that part nothing was asked for.
[ "$in_turn,$aside_too" != 5,5 ] && [[ $in_turn =~ ^[05]$ && $aside_too =~ ^[05]$ ]]
