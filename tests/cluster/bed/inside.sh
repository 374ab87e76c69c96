#!/bin/bash
# inside.sh CACHE NODE COMMAND...: a command in a node's namespaces, for looking around (crictl's place: ctr -n k8s.io ...).
exec nsenter -t "$(cat "$1/state/node$2/pid")" -n -m -p -u env PATH="$1/bin:$PATH:/usr/sbin:/sbin" KUBECONFIG="$1/state/pki/admin.kubeconfig" "${@:3}"
