#!/bin/sh
# The pods' network `routes`: the plain plugins for the pods of this machine, and a route to those of each other one.
# Told by the API whenever a machine comes or goes, so it never ends; systemd starts it again when the API goes away.
# shellcheck source=lib.sh
. "${DOGITOPS_LIB:-/usr/local/lib/dogitops}/lib.sh"
CONFIGURATION="${DOGITOPS_CNI:-/etc/cni/net.d}/10-dogitops.conflist"
TOLD='{.metadata.name} {.spec.podCIDR} {.status.addresses[?(@.type=="InternalIP")].address}{"\n"}'

mkdir -p "$(dirname "$CONFIGURATION")"
kubectl --kubeconfig /etc/kubernetes/kubelet.conf get nodes --watch -o "jsonpath=$TOLD" |
  while read -r node range address; do
    [ -n "$address" ] || continue # it has no range of pods' addresses yet
    if [ "$node" != "$(hostname)" ]; then
      ip route replace "$range" via "$address"
    elif ! grep -qsF "\"$range\"" "$CONFIGURATION"; then
      replace "$CONFIGURATION" <<JSON
{"cniVersion": "0.4.0", "name": "dogitops", "plugins": [
  {"type": "ptp", "ipMasq": true, "mtu": 1500, "ipam": {
    "type": "host-local", "dataDir": "/run/cni-ipam-state",
    "routes": [{"dst": "0.0.0.0/0"}], "ranges": [[{"subnet": "$range"}]]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
JSON
    fi
  done
die "the API says nothing of nodes any more"
