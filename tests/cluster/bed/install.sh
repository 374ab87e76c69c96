#!/bin/bash
# The chart on the bed, in a namespace that enforces `restricted`, with the built-in data set. install.sh CACHE
set -euo pipefail
bed=$(cd "$(dirname "$0")" && pwd) cache=$(realpath "$1")
root=$(cd "$bed/../../.." && pwd)
set -a && . "$cache/env" && set +a
started=$SECONDS namespace=recommender
kubectl apply -f - >/dev/null <<END
apiVersion: v1
kind: Namespace
metadata: {name: $namespace, labels: {pod-security.kubernetes.io/enforce: restricted}}
END
kubectl apply -n $namespace -f "$CLUSTER_MANIFESTS" >/dev/null
helm upgrade --install recommender "$root/charts/recommender" -n $namespace -f "$CLUSTER_VALUES" >/dev/null
echo "waiting for the first snapshot and for the transformer: kubectl -n $namespace get pods"
# As the chart's notes say it: by --for=condition kubectl compares generations that KServe does not keep.
is() { echo "jsonpath={.status.conditions[?(@.type==\"$1\")].status}=True"; }
kubectl -n $namespace wait inferenceservice/recommender --for="$(is TransformerReady)" --timeout=15m
kubectl -n $namespace wait inferenceservice/recommender inferenceservice/recommender-retrieval --for="$(is Ready)" --timeout=5m
printf '%4d s  the chart\n' $((SECONDS - started))
cat <<END

The cluster:   export KUBECONFIG=$KUBECONFIG PATH=$cache/bin:\$PATH
The release:   kubectl -n $namespace get pods,inferenceservices
A prediction:  kubectl -n $namespace port-forward service/recommender-transformer 8081:80 &
               curl -s http://127.0.0.1:8081/v1/models/recommender:predict -H 'Content-Type: application/json' -d '{"instances": [{"limit": 5}]}'
Its end:       make cluster-down
END
