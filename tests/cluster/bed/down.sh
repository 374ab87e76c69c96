#!/bin/bash
# Ends the bed: processes, mounts, interfaces and rules live in the nodes' namespaces and go with them. Keeps programs and images. down.sh CACHE
set -uo pipefail
bed=$(cd "$(dirname "$0")" && pwd) cache=$(realpath -m "$1")
state=$cache/state
[ "$(id -u)" = 0 ] || { echo "error: only root can end the bed" >&2; exit 1; }
for pid in "$state"/node*/pid "$state/door.pid"; do
  # A process id may have been given to somebody else since.
  [ -e "$pid" ] && grep -qE 'node\.sh|socat' "/proc/$(cat "$pid")/cmdline" 2>/dev/null && kill -9 "$(cat "$pid")"
done
for hierarchy in /sys/fs/cgroup/*/"$("$bed/group.sh" "$cache" 1)" /sys/fs/cgroup/*/"$("$bed/group.sh" "$cache" 2)"; do
  [ -d "$hierarchy" ] || continue
  for _ in $(seq 100); do
    [ -z "$(find "$hierarchy" -name cgroup.procs -exec cat {} + 2>/dev/null)" ] && break
    sleep 0.1
  done
  find "$hierarchy" -depth -type d -exec rmdir {} \; 2>/dev/null
done
[ ! -d "$state" ] || echo "removing what the nodes had unpacked"
rm -rf "$state" "$cache/env" "$cache/kubeconfig" "$cache/values.yaml"
# A folder that another bed mounts on would take its mount along.
if ! ls -d /sys/fs/cgroup/pids/bed-* >/dev/null 2>&1; then
  rmdir /var/lib/kubelet /var/lib/cni /var/log/pods /var/log/containers 2>/dev/null
fi
echo "the bed is down ($SECONDS s); programs and images stay in $cache"
