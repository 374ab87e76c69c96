#!/bin/bash
# What a cluster has beside its nodes; applying it again changes nothing. addons.sh CACHE, with KUBECONFIG of the bed.
set -euo pipefail
bed=$(cd "$(dirname "$0")" && pwd) cache=$1 pki=$1/state/pki
root=$(cd "$bed/../../.." && pwd)
. "$bed/versions.sh"
modules=$(go env GOMODCACHE)
apply() { kubectl apply --server-side --force-conflicts -f - >/dev/null; }
volumes() { # CLASS MODE COUNT FOLDER: a volume for each claim that may come
  local number folder
  for number in $(seq "$3"); do
    folder=${4//@/$number}
    [ -d "$folder" ] || mkdir -m 777 -p "$folder"
    cat <<END
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: $1-$number}
spec:
  capacity: {storage: 100Gi}
  accessModes: [$2]
  storageClassName: $1
  persistentVolumeReclaimPolicy: Retain
  hostPath: {path: $folder, type: Directory}
END
  done
}
# A volume whose claim is gone is made anew, with what was in it gone as well.
free_volumes() {
  local name
  for name in $(kubectl get pv -o jsonpath='{range .items[?(@.status.phase=="Released")]}{.metadata.name}{"\n"}{end}'); do
    kubectl delete pv "$name" >/dev/null
    case $name in folders-*) rm -rf "$cache/state/volumes/${name#folders-}" ;; esac
  done
}
# A kustomization of ours over the manifests of a module.
kustomized() { # NAME BASE FILES...
  local folder=$cache/state/addons/$1
  rm -rf "$folder" && mkdir -p "$folder"
  cp -r "$2" "$folder/base" && chmod -R u+w "$folder"
  sed "s#@CA@#$(base64 -w0 "$pki/ca.crt")#" "$bed/addons/$1/kustomization.yaml" >"$folder/kustomization.yaml"
  [ $# = 2 ] || (cd "$pki" && cp metrics-server.crt "$folder/tls.crt" && cp metrics-server.key "$folder/tls.key" && cp ca.crt "$folder/")
  # What the module's own file is warned of is not ours to mend.
  kubectl kustomize "$folder" 2> >(grep -v commonLabels >&2)
}

apply <"$bed/manifests/dns.yaml"
apply <"$bed/manifests/storage.yaml"
free_volumes
{ volumes folders "ReadWriteOnce, ReadWriteMany" 64 "$cache/state/volumes/@" && volumes models "ReadOnlyMany, ReadWriteMany" 64 "$cache/models"; } | apply
sed "s#@CACHE@#$cache#" "$bed/manifests/s3.yaml" | apply
kustomized metrics-server "$modules/sigs.k8s.io/metrics-server@v$METRICS_SERVER/manifests/base" certificates | apply
kustomized kube-state-metrics "$modules/k8s.io/kube-state-metrics/v2@v$KUBE_STATE_METRICS/examples/standard" | apply
apply <"$bed/manifests/prometheus.yaml"

charts=$modules/github.com/kserve/kserve@v$KSERVE/charts
if ! helm status kserve-crd -n kserve >/dev/null 2>&1; then
  helm install kserve-crd "$charts/kserve-crd" -n kserve --create-namespace >/dev/null
  until kubectl get inferenceservices,servingruntimes -A >/dev/null 2>&1; do sleep 0.3; done
fi
kubectl create secret tls kserve-webhook-server-cert -n kserve --cert="$pki/kserve.crt" --key="$pki/kserve.key" --dry-run=client -o yaml | apply
kubectl -n kube-system rollout status deployment/coredns --timeout=120s >/dev/null
# Helm gives its post-renderer no environment but this one's: it runs with the Python that has YAML.
PATH=$root/.venv/bin:$PATH helm upgrade --install kserve "$charts/kserve-resources" -n kserve -f "$bed/addons/kserve/values.yaml" \
  --post-renderer "$bed/addons/kserve/adapt.py" --post-renderer-args "$pki/ca.crt" --wait --timeout 180s >/dev/null
for deployment in storage/s3 kube-system/metrics-server kube-system/kube-state-metrics monitoring/prometheus; do
  kubectl -n "${deployment%/*}" rollout status "deployment/${deployment#*/}" --timeout=180s >/dev/null
done
