#!/bin/bash
# models.sh CACHE: models of the built-in data set, trained once: CACHE/models/{ranking,retrieval}/{first,second}/NUMBER, a release a folder.
# Trained quickly: what is proved with them is not how good they are. The second release is the first under another number: a roll is about versions.
set -euo pipefail
cache=$1 root=$(cd "$(dirname "$0")/../../.." && pwd)
[ ! -e "$cache/models/ready" ] || exit 0
export INFERENCE_GRAPH_HOME=$cache/home
"$root/.venv/bin/inference-graph" data prepare
"$root/.venv/bin/inference-graph" train --quick
for model in ranking retrieval; do
  mkdir -p "$cache/models/$model"/{first,second}
  number=$(ls "$cache/home/current/models/$model" | sort -n | tail -1)
  cp -rT "$cache/home/current/models/$model/$number" "$cache/models/$model/first/1"
  cp -rT "$cache/home/current/models/$model/$number" "$cache/models/$model/second/2"
done
chmod -R a+rX "$cache/models"
touch "$cache/models/ready"
