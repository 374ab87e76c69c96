#!/bin/bash
# One node, with the control plane on node 1: process 1 of its own network, mount, process, host name and IPC namespaces.
# Whatever the cluster makes lives in them and ends with them. node.sh CACHE NUMBER
set -uo pipefail
bed=$(cd "$(dirname "$0")" && pwd) cache=$1 number=$2
group=$("$bed/group.sh" "$cache" "$number")
state=$cache/state/node$number pki=$cache/state/pki log=$cache/state/log
address=198.18.255.$((number + 1)) pods=198.18.$((16 * (number - 1))).0/20
export PATH=$cache/bin:$PATH:/usr/sbin:/sbin
mkdir -p "$state"/{containerd,kubelet,podlogs,etcd,configuration/cni} "$log"
cd "$state"

start() { # NAME COMMAND...
  "${@:2}" >"$log/$1$number.log" 2>&1 &
}

configure() {
  local file
  for file in containerd.toml kubelet.yaml proxy.yaml; do
    sed "s#@STATE@#$state#g; s#@PKI@#$pki#g; s#@NUMBER@#$number#g; s#@GROUP@#$group#g; s#@PODS@#$pods#g" "$bed/configuration/$file" >"configuration/$file"
  done
  sed "s#@PODS@#$pods#g" "$bed/configuration/cni.conflist" >configuration/cni/10-bed.conflist
  echo 'nameserver 127.0.0.1' >configuration/resolv.conf
}

hide_the_machine() {
  mount --make-rshared /
  mount -t tmpfs tmpfs /run -o mode=755
  mkdir -p /run/containerd /run/lock /run/netns /var/lib/kubelet /var/lib/cni /var/log/pods /var/log/containers
  mount --bind kubelet /var/lib/kubelet && mount --make-rshared /var/lib/kubelet
  mount --bind podlogs /var/log/pods
  mount -t tmpfs tmpfs /var/log/containers
  mount -t tmpfs tmpfs /var/lib/cni
  # kubelet would write these for the whole machine: it finds what it wants, and leaves them alone.
  local setting file=0
  for setting in vm/overcommit_memory=1 kernel/panic=10 kernel/panic_on_oops=1 kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
    file=$((file + 1))
    echo "${setting#*=}" >/run/sysctl.$file
    mount --bind /run/sysctl.$file "/proc/sys/${setting%%=*}"
  done
  hostname "node$number"
  local hierarchy
  for hierarchy in $(cd /sys/fs/cgroup && ls -d -- */); do mkdir -p "/sys/fs/cgroup/$hierarchy/$group"; done
  # Whatever else this machine does at the time is not what a test measures: nodes come first, as on machines of their own.
  echo 102400 >"/sys/fs/cgroup/cpu/$group/cpu.shares"
  cat /sys/fs/cgroup/cpuset/cpuset.cpus >"/sys/fs/cgroup/cpuset/$group/cpuset.cpus"
  cat /sys/fs/cgroup/cpuset/cpuset.mems >"/sys/fs/cgroup/cpuset/$group/cpuset.mems"
}

# Nothing leads out of the namespace. Node 1 makes the link to node 2 once that exists.
connect() {
  ip link set lo up
  sysctl -qw net.ipv4.ip_forward=1
  if [ "$number" = 1 ]; then
    ip link add node0 type veth peer name node0peer
    ip addr add $address/32 dev node0
    ip link set node0peer up && ip link set node0 up
    ip route add default dev node0 src $address
  else
    until ip link show peer >/dev/null 2>&1; do sleep 0.1; done
    ip addr add $address/32 dev peer && ip link set peer up
    ip route add 198.18.255.2/32 dev peer src $address
    ip route add default via 198.18.255.2 dev peer onlink
  fi
}

control_plane() {
  start etcd etcd --data-dir etcd --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
    --listen-peer-urls http://127.0.0.1:2380 --unsafe-no-fsync --log-level warn
  start apiserver kube-apiserver --etcd-servers=http://127.0.0.1:2379 --advertise-address=$address --bind-address=0.0.0.0 --secure-port=6443 \
    --tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" --client-ca-file="$pki/ca.crt" \
    --service-cluster-ip-range=198.18.128.0/20 --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged=true \
    --service-account-issuer=https://kubernetes.default.svc --service-account-key-file="$pki/service-accounts.pub" \
    --service-account-signing-key-file="$pki/service-accounts.key" --kubelet-preferred-address-types=InternalIP \
    --kubelet-client-certificate="$pki/apiserver-kubelet.crt" --kubelet-client-key="$pki/apiserver-kubelet.key" \
    --kubelet-certificate-authority="$pki/ca.crt" --requestheader-client-ca-file="$pki/front.crt" \
    --requestheader-allowed-names=front-proxy-client --requestheader-username-headers=X-Remote-User --requestheader-group-headers=X-Remote-Group \
    --requestheader-extra-headers-prefix=X-Remote-Extra- --proxy-client-cert-file="$pki/front-client.crt" --proxy-client-key-file="$pki/front-client.key"
  # The machine's own users reach the API server through this file: the namespace has no network in common with them.
  start api-socket socat "UNIX-LISTEN:$cache/state/api.socket,fork,unlink-early,mode=600" TCP:127.0.0.1:6443
  until kubectl --kubeconfig "$pki/admin.kubeconfig" get --raw /readyz >/dev/null 2>&1; do sleep 0.2; done
  local as=()
  as() { as=(--kubeconfig="$pki/$1.kubeconfig" --authentication-kubeconfig="$pki/$1.kubeconfig" --authorization-kubeconfig="$pki/$1.kubeconfig" --leader-elect=false); }
  as controller-manager
  # A short memory for the autoscaler: a test waits for it. Everything else of it is as Kubernetes has it.
  start controller-manager kube-controller-manager "${as[@]}" --root-ca-file="$pki/ca.crt" --cluster-cidr=198.18.0.0/19 \
    --service-account-private-key-file="$pki/service-accounts.key" --use-service-account-credentials=true --pvclaimbinder-sync-period=2s \
    --horizontal-pod-autoscaler-sync-period=5s --horizontal-pod-autoscaler-downscale-stabilization=30s \
    --horizontal-pod-autoscaler-initial-readiness-delay=5s --horizontal-pod-autoscaler-cpu-initialization-period=20s
  as scheduler
  start scheduler kube-scheduler "${as[@]}"
}

configure
hide_the_machine
connect
start containerd containerd -c configuration/containerd.toml -l warn
[ "$number" != 1 ] || control_plane
until [ -S /run/containerd/containerd.sock ]; do sleep 0.1; done
start kubelet kubelet --config=configuration/kubelet.yaml --kubeconfig="$pki/kubelet$number.kubeconfig" --hostname-override="node$number" \
  --node-ip=$address --root-dir=/var/lib/kubelet --node-labels="topology.kubernetes.io/zone=zone$number"
start proxy kube-proxy --config=configuration/proxy.yaml
trap 'exit 0' TERM INT
while :; do wait; sleep 1; done
