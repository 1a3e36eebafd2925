#!/bin/sh
# A node that is not Ready takes no pods: say why, instead of calling the boot done.
# shellcheck source=../../files/lib.sh
. "${DOGITOPS_LIB:-/usr/local/lib/dogitops}/lib.sh"
# shellcheck source=/dev/null
. "${DOGITOPS_NODE:-/etc/dogitops/node.env}"

if [ "$NETWORK" = none ]; then
  say "without a network for pods no node is Ready: it comes with the manifests, or later"
  exit 0
fi
told() {
  kubectl --kubeconfig /etc/kubernetes/kubelet.conf get node "$(hostname)" \
    -o 'jsonpath={.status.conditions[?(@.type=="Ready")].'"$1"'}'
}
ready() { [ "$(told status)" = True ]; }
eventually "${DOGITOPS_READY_PATIENCE:-600}" ready ||
  die "the node is not Ready: $(told message); $(journalctl -u kubelet -n 10 --no-pager)"
