#!/bin/bash
# Says at once what the bed is missing here.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
refuse() { echo "error: $1" >&2; exit 1; }

[ "$(uname -sm)" = "Linux x86_64" ] || refuse "the bed runs on linux-x86_64 only; on a cluster of yours set KUBECONFIG and CLUSTER_VALUES: tests/cluster/README.md"
[ "$(id -u)" = 0 ] || refuse "the bed needs root, for nodes in namespaces of their own; on a cluster of yours set KUBECONFIG and CLUSTER_VALUES: tests/cluster/README.md"
missing=()
for tool in containerd:containerd runc:runc nft:nftables iptables:iptables conntrack:conntrack ethtool:ethtool socat:socat mmdebstrap:mmdebstrap \
  buildah:buildah unshare:util-linux ip:iproute2 openssl:openssl /usr/lib/cni/bridge:containernetworking-plugins; do
  command -v "${tool%:*}" >/dev/null || missing+=("${tool#*:}")
done
[ ${#missing[@]} = 0 ] || refuse "the bed needs programs of Debian 12: apt-get install --no-install-recommends ${missing[*]}"
command -v go >/dev/null || refuse "the bed builds Kubernetes and KServe from their Go modules: install Go 1.26 and put it on PATH"
[ -d /sys/fs/cgroup/cpuset ] || refuse "the bed knows cgroup v1 only, and this machine has v2: use a cluster of yours (kind, for one) with KUBECONFIG and CLUSTER_VALUES"
