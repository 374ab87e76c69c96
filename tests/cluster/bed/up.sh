#!/bin/bash
# Brings the bed up, or what is missing of it, and writes CACHE/env for the tests. up.sh CACHE
set -euo pipefail
bed=$(cd "$(dirname "$0")" && pwd) cache=$(realpath -m "$1")
root=$(cd "$bed/../../.." && pwd)
state=$cache/state
export PATH=$cache/bin:$root/.cache/bin:$PATH:/usr/sbin:/sbin KUBECONFIG=$cache/kubeconfig
port=${CLUSTER_PORT:-16443}

"$bed/requirements.sh"
mkdir -p "$cache" "$state"
exec 9>"$cache/lock" && flock 9
phase_started=$SECONDS
phase() { # NAME
  echo "$(printf '%4d' $((SECONDS - phase_started))) s  $1"
  phase_started=$SECONDS
}

wait_for() { # WHAT COMMAND...
  local end=$((SECONDS + 180))
  until "${@:2}" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || { echo "error: not within 3 minutes: $1; what each program said is in $state/log" >&2; exit 1; }
    sleep 0.3
  done
}
two_nodes_are_ready() { [ "$(kubectl get nodes --no-headers | grep -c ' Ready')" = 2 ]; }

process_of() { cat "$state/node$1/pid" 2>/dev/null; }
is_up() { local pid; pid=$(process_of "$1") && [ -n "$pid" ] && [ -d "/proc/$pid" ] && grep -q node.sh "/proc/$pid/cmdline"; }

start_node() { # NUMBER
  mkdir -p "$state/node$1" "$state/log"
  # Only what is named outlives this script: not its lock.
  setsid nohup unshare --net --mount --pid --uts --ipc --fork --mount-proc --kill-child --propagation private \
    bash "$bed/node.sh" "$cache" "$1" >"$state/log/node$1.log" 2>&1 9>&- </dev/null &
  local parent=$! child=
  until child=$(pgrep -P $parent); do sleep 0.1; done
  echo "$child" >"$state/node$1/pid"
}

# A pair of interfaces, one end in each node, and the way to the other's pods, which is the last thing to be made.
are_joined() { nsenter -t "$(process_of 1)" -n ip route show 198.18.16.0/20 | grep -q peer; }
has_network() { nsenter -t "$1" -n ip route show default | grep -q .; }
join_nodes() {
  local first second
  first=$(process_of 1) second=$(process_of 2)
  # Before its loopback is up, a namespace takes no gateway.
  wait_for "the network of node 1" has_network "$first"
  nsenter -t "$first" -n ip link add peer type veth peer name peer netns "$second"
  nsenter -t "$first" -n sh -c 'ip link set peer up && ip route add 198.18.255.3/32 dev peer && ip route add 198.18.16.0/20 via 198.18.255.3 dev peer onlink'
}

# Every image that this node has not, all nodes at once.
load_images() { # NODE
  local image name had=$state/node$1/images
  mkdir -p "$had"
  wait_for "containerd of node $1" "$bed/inside.sh" "$cache" "$1" ctr version
  for image in "$cache"/images/*.tar; do
    name=$(basename "$image" .tar)
    cmp -s "${image%.tar}.sum" "$had/$name" && continue
    "$bed/inside.sh" "$cache" "$1" ctr -n k8s.io images import "$image" >>"$state/log/import$1.log" 2>&1 ||
      { echo "error: node $1 did not take the image $name: $(tail -n 1 "$state/log/import$1.log")" >&2; return 1; }
    cp "${image%.tar}.sum" "$had/$name"
  done
}

# The API server on a port of this machine's loopback, for kubectl, helm and tests.
open_door() {
  [ -e "$state/door.pid" ] && kill -0 "$(cat "$state/door.pid")" 2>/dev/null && return
  setsid socat "TCP-LISTEN:$port,bind=127.0.0.1,fork,reuseaddr" "UNIX-CONNECT:$state/api.socket" >"$state/log/door.log" 2>&1 9>&- </dev/null &
  echo $! >"$state/door.pid"
  sed "s#https://198.18.255.2:6443#https://127.0.0.1:$port#" "$state/pki/admin.kubeconfig" >"$KUBECONFIG"
}

DOWNLOAD_ONLY=1 "$bed/build.sh" "$cache"
phase "Go modules fetched"
"$bed/build.sh" "$cache"
phase "programs built"
"$bed/images.sh" "$cache"
phase "images, with the packages that they fetch"
"$bed/models.sh" "$cache"
phase "models of the built-in data set"
if ! is_up 1 || ! is_up 2 || ! are_joined; then
  "$bed/down.sh" "$cache"
  mkdir -p "$state"
  "$bed/certificates.sh" "$state/pki"
  start_node 1
  start_node 2
  join_nodes
fi
open_door
wait_for "two nodes that are ready" two_nodes_are_ready
phase "two nodes"
load_images 1 & first=$!
load_images 2 & second=$!
wait $first
wait $second
phase "images on both nodes"
"$bed/addons.sh" "$cache"
phase "DNS, storage, S3, KServe, metrics"
sed "s#@TRANSFORMER@#$(cat "$cache/images/transformer.sum")#; s#@JOBS@#$(cat "$cache/images/jobs.sum")#
  s#@MODEL_SERVER@#$(cat "$cache/images/model-server.sum")#" "$bed/values.yaml" >"$cache/values.yaml"
cat >"$cache/env" <<END
KUBECONFIG='$KUBECONFIG'
PATH='$cache/bin:$root/.cache/bin:$PATH'
CLUSTER_VALUES='$cache/values.yaml'
CLUSTER_MANIFESTS='$bed/manifests/namespace'
CLUSTER_JOBS_IMAGE='bed.local/inference-graph/jobs:$(cat "$cache/images/jobs.sum")'
CLUSTER_PROMETHEUS='monitoring/prometheus'
CLUSTER_RULES='monitoring/rules/prometheus'
END
