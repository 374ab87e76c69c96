#!/bin/bash
# images.sh CACHE: archives of every image of the cluster in CACHE/images, named by what they are made of; an unchanged one is not made again.
set -euo pipefail
bed=$(cd "$(dirname "$0")" && pwd) cache=$1
root=$(cd "$bed/../../.." && pwd)
. "$bed/versions.sh"
archives=$cache/images base=bed.local/base:$DEBIAN
mkdir -p "$archives"
buildah=(buildah --root "$cache/buildah/root" --runroot "$cache/buildah/run" --storage-driver overlay)
# pip in a build reads the machine's settings and trusts whom it trusts; neither stays in the image.
isolation=(--isolation chroot --pull-never --layers --volume /etc/ssl/certs:/etc/ssl/certs:ro)
[ ! -e /etc/pip.conf ] || isolation+=(--volume /etc/pip.conf:/etc/pip.conf:ro)

sum_of() { (cd "$root" && find "$@" -type f -not -path '*/__pycache__/*' -print0 | sort -z | xargs -0 sha256sum) | sha256sum | cut -c1-16; }

archive() { # NAME:TAG FILE
  # Nothing is written over an archive, not even over half of one.
  rm -f "$archives/$2.partial"
  "${buildah[@]}" push --quiet "$1" "docker-archive:$archives/$2.partial:$1"
  mv "$archives/$2.partial" "$archives/$2.tar"
}

# Calls the rest of its arguments where the archive was made of something else.
unless_made_of() { # FILE SUM COMMAND...
  [ "$(cat "$archives/$1.sum" 2>/dev/null)" != "$2" ] || [ ! -e "$archives/$1.tar" ] || return 0
  local started=$SECONDS
  "${@:3}"
  echo "$2" >"$archives/$1.sum"
  echo "image $1 ($((SECONDS - started)) s, $(($(stat -c %s "$archives/$1.tar") >> 20)) MiB)"
}

make_base() {
  mmdebstrap --quiet --mode=root --variant=minbase --include=python3,python3-venv,ca-certificates \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    $DEBIAN "$cache/base.tar"
  printf 'FROM scratch\nADD base.tar /\nCMD ["/bin/bash"]\n' |
    "${buildah[@]}" build --quiet --tag "$base" -f - --ignorefile /dev/null "$cache" >/dev/null
  rm "$cache/base.tar"
}

# One static program and nothing else.
make_program() { # NAME
  printf 'FROM scratch\nCOPY %s /%s\nUSER 65532:65532\nENTRYPOINT ["/%s"]\n' "$1" "$1" "$1" |
    "${buildah[@]}" build --quiet --tag "bed.local/$1:bed" -f - --ignorefile /dev/null "$cache/bin" >/dev/null
  archive "bed.local/$1:bed" "$1"
}

# Says what a build said only where it fails.
quietly() { # LOG COMMAND...
  "${@:2}" >"$1" 2>&1 || { tail -n 30 "$1" >&2; exit 1; }
}

make_services() {
  quietly "$archives/services.log" "${buildah[@]}" build "${isolation[@]}" --build-arg BASE=$base --tag bed.local/services:bed "$bed/images/services"
  archive bed.local/services:bed services
}

# The product's own way to its images, with its own Dockerfiles. The tag says what is in it, so that an install of another takes the other.
make_product() { # IMAGE TAG
  quietly "$archives/$1.log" make -C "$root" "image-$1" BUILDER="${buildah[*]}" BUILD_FLAGS="${isolation[*]}" BASE=$base \
    IMAGE_PREFIX=bed.local/inference-graph/ IMAGE_TAG="$2"
  archive "bed.local/inference-graph/$1:$2" "$1"
}

if ! "${buildah[@]}" inspect --type image "$base" >/dev/null 2>&1; then make_base; fi
for program in pause=1 coredns=$COREDNS kserve-controller=$KSERVE metrics-server=$METRICS_SERVER kube-state-metrics=$KUBE_STATE_METRICS prometheus=$PROMETHEUS; do
  [ ! -e "$cache/bin/${program%=*}" ] || unless_made_of "${program%=*}" "${program#*=}" make_program "${program%=*}"
done
unless_made_of services "$(sum_of tests/cluster/bed/images/services)" make_services

product() { # IMAGE FILES...
  local sum
  sum=$(sum_of pyproject.toml README.md LICENSE NOTICE requirements-build.lock inference_graph "${@:2}")
  unless_made_of "$1" "$sum" make_product "$1" "$sum"
}
product transformer transformers
product model-server models/model_server
product jobs models/Dockerfile models/requirements.lock models/rec_models feature_repo
