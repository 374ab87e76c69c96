#!/bin/bash
# certificates.sh FOLDER: one authority for everything, one for the aggregation layer, and what each program shows; kubeconfigs beside them.
set -euo pipefail
mkdir -p "$1" && cd "$1"
[ ! -e ready ] || exit 0

key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key" 2>/dev/null; }
authority() { # NAME
  key "$1"
  openssl req -x509 -new -key "$1.key" -days 365 -subj "/CN=bed-$1" -out "$1.crt"
}
certificate() { # NAME SUBJECT AUTHORITY USE [ALTERNATIVE NAMES]
  key "$1"
  openssl req -new -key "$1.key" -subj "$2" |
    openssl x509 -req -CA "$3.crt" -CAkey "$3.key" -CAcreateserial -days 365 -out "$1.crt" \
      -extfile <(echo "extendedKeyUsage=$4${5:+
subjectAltName=$5}") 2>/dev/null
}
kubeconfig() { # NAME SERVER
  cat >"$1.kubeconfig" <<END
apiVersion: v1
kind: Config
clusters: [{name: bed, cluster: {server: "$2", certificate-authority: $PWD/ca.crt}}]
users: [{name: $1, user: {client-certificate: $PWD/$1.crt, client-key: $PWD/$1.key}}]
contexts: [{name: bed, context: {cluster: bed, user: $1}}]
current-context: bed
END
}

authority ca
authority front
certificate apiserver /CN=kube-apiserver ca serverAuth \
  "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:localhost,IP:127.0.0.1,IP:198.18.255.2,IP:198.18.128.1"
certificate apiserver-kubelet /O=system:masters/CN=apiserver-kubelet ca clientAuth
certificate front-client /CN=front-proxy-client front clientAuth
certificate kserve "/CN=kserve-webhook-server-service.kserve.svc" ca serverAuth "DNS:kserve-webhook-server-service.kserve.svc"
certificate metrics-server /CN=metrics-server.kube-system.svc ca serverAuth "DNS:metrics-server.kube-system.svc"
certificate admin /O=system:masters/CN=admin ca clientAuth
certificate controller-manager /CN=system:kube-controller-manager ca clientAuth
certificate scheduler /CN=system:kube-scheduler ca clientAuth
certificate proxy /CN=system:kube-proxy ca clientAuth
for node in 1 2; do
  certificate "kubelet$node" "/O=system:nodes/CN=system:node:node$node" ca clientAuth
  certificate "kubelet$node-server" "/CN=node$node" ca serverAuth "DNS:node$node,IP:198.18.255.$((node + 1))"
done
key service-accounts
openssl pkey -in service-accounts.key -pubout -out service-accounts.pub
for name in admin controller-manager scheduler proxy kubelet1 kubelet2; do kubeconfig $name https://198.18.255.2:6443; done
touch ready
