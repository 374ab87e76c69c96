#!/bin/bash
# Builds the cluster's programs from their Go modules into CACHE/bin. What is there in the pinned version is not built again.
# build.sh CACHE [PROGRAM...]   with DOWNLOAD_ONLY=1 it fetches the modules and builds nothing.
set -euo pipefail
bed=$(cd "$(dirname "$0")" && pwd) cache=$1
shift
. "$bed/versions.sh"
bin=$cache/bin modules=$cache/modules
mkdir -p "$bin" "$modules"
export CGO_ENABLED=0 GOFLAGS=-buildvcs=false
programs=("$@")
[ ${#programs[@]} -gt 0 ] || programs=(kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl etcd coredns pause kserve-controller \
  metrics-server kube-state-metrics prometheus)

# The folder of a module's source in Go's own cache.
source_of() { go mod download -json "$1" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p'; }

# Kubernetes' own go.mod points at folders of its repository: here at what is published of them.
wrap_kubernetes() {
  local from
  from=$(source_of "k8s.io/kubernetes@v$KUBERNETES")
  {
    printf 'module bed/kubernetes\n\ngo 1.24.0\n\ngodebug default=go1.24\n\nrequire k8s.io/kubernetes v%s\n\n' "$KUBERNETES"
    sed -n "s#^\(replace\|\)\s*\(k8s.io/[a-z-]*\) => ./staging.*#replace \2 => \2 v0.${KUBERNETES#1.}#p" "$from/go.mod"
  } >go.mod
  { printf '//go:build tools\n\npackage tools\n\nimport (\n'
    printf '\t_ "k8s.io/kubernetes/cmd/%s"\n' kube-apiserver kube-controller-manager kube-proxy kube-scheduler kubectl kubelet
    echo ')'; } >tools.go
  go mod tidy
}

# With the dependency's own go.mod, what is not built is not fetched.
wrap_with_its_own_list() { # MODULE@VERSION
  local from
  from=$(source_of "$1")
  sed "1,/^module /s#^module .*#module bed/wrapped#" "$from/go.mod" >go.mod
  cp "$from/go.sum" go.sum && chmod u+w go.mod go.sum
  go mod edit -require "$1"
}

wrap_with_one_require() { # MODULE@VERSION PACKAGE
  [ -f main.go ] || printf '//go:build tools\n\npackage tools\n\nimport _ "%s"\n' "$2" >tools.go
  printf 'module bed/wrapped\n\ngo 1.24.0\n' >go.mod
  go mod edit -require "$1"
  go mod tidy
}

# The wrapper of a module is made once for a version.
wrapper() { # NAME VERSION WRAP...
  local folder=$modules/$1-$2
  if [ ! -e "$folder/ready" ]; then
    rm -rf "$folder" && mkdir -p "$folder"
    [ ! -d "$bed/programs/$1" ] || cp "$bed/programs/$1/main.go" "$folder/"
    (cd "$folder" && "${@:3}" && touch ready)
  fi
  cd "$folder"
}

build() { # NAME VERSION PACKAGE FLAGS...
  local target=$bin/$1 started=$SECONDS
  [ "$(cat "$target.version" 2>/dev/null)" != "$2" ] || return 0
  if [ -n "${DOWNLOAD_ONLY:-}" ]; then
    go list -mod=mod "${@:4}" -deps "$3" >/dev/null
    echo "fetched $1 $2 ($((SECONDS - started)) s)"
    return 0
  fi
  go build -mod=mod -trimpath "${@:4}" -o "$target" "$3"
  echo "$2" >"$target.version"
  echo "built $1 $2 ($((SECONDS - started)) s, $(($(stat -c %s "$target") >> 20)) MiB)"
}

kubernetes_knows="-s -w -X k8s.io/component-base/version.gitVersion=v$KUBERNETES -X k8s.io/component-base/version.gitMajor=1 \
-X k8s.io/component-base/version.gitMinor=${KUBERNETES:2:2}"

for program in "${programs[@]}"; do
  case $program in
    kube-* | kubelet | kubectl)
      if [ "$program" = kube-state-metrics ]; then
        wrapper kube-state-metrics $KUBE_STATE_METRICS wrap_with_its_own_list "k8s.io/kube-state-metrics/v2@v$KUBE_STATE_METRICS"
        build kube-state-metrics $KUBE_STATE_METRICS k8s.io/kube-state-metrics/v2 -ldflags '-s -w'
      else
        wrapper kubernetes $KUBERNETES wrap_kubernetes
        build "$program" $KUBERNETES "k8s.io/kubernetes/cmd/$program" -ldflags "$kubernetes_knows"
      fi ;;
    etcd)
      wrapper etcd $ETCD wrap_with_one_require "go.etcd.io/etcd/server/v3@v$ETCD" go.etcd.io/etcd/server/v3
      build etcd $ETCD go.etcd.io/etcd/server/v3 -ldflags '-s -w' ;;
    coredns)
      wrapper coredns $COREDNS wrap_with_one_require "github.com/coredns/coredns@v$COREDNS"
      build coredns $COREDNS . -ldflags '-s -w' ;;
    pause)
      build pause 1 "$bed/programs/pause/main.go" -ldflags '-s -w' ;;
    kserve-controller)
      wrapper kserve $KSERVE wrap_with_its_own_list "github.com/kserve/kserve@v$KSERVE"
      build kserve-controller $KSERVE github.com/kserve/kserve/cmd/manager -ldflags '-s -w' ;;
    metrics-server)
      wrapper metrics-server $METRICS_SERVER wrap_with_one_require "sigs.k8s.io/metrics-server@v$METRICS_SERVER" sigs.k8s.io/metrics-server/cmd/metrics-server
      build metrics-server $METRICS_SERVER sigs.k8s.io/metrics-server/cmd/metrics-server -ldflags '-s -w' ;;
    prometheus)
      wrapper prometheus $PROMETHEUS wrap_with_its_own_list "github.com/prometheus/prometheus@v$PROMETHEUS"
      build prometheus $PROMETHEUS github.com/prometheus/prometheus/cmd/prometheus -tags remove_all_sd,enable_kubernetes_sd -ldflags '-s -w' ;;
    *) echo "build.sh: no program is called $program" >&2 && exit 2 ;;
  esac
done
