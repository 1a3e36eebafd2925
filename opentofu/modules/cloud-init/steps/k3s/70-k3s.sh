#!/bin/sh
# K3s: the first server, another server, or an agent. Who joins is handed a token over SSH once the boot has come here.
# shellcheck source=../../files/lib.sh
. "${DOGITOPS_LIB:-/usr/local/lib/dogitops}/lib.sh"
. "${DOGITOPS_NODE:-/etc/dogitops/node.env}"

told="$(k3s --version | head -n 1)"
case "$told" in
"k3s version $K3S_VERSION "*) ;;
*) die "this is $told, and $K3S_VERSION was asked for" ;;
esac

CONFIG=/etc/rancher/k3s/config.yaml
mkdir -p /etc/rancher/k3s
address="$(private_address "$FIRST_SERVER")"
{
  echo "node-name: $(hostname)"
  echo "node-ip: $address"
  [ "$ROLE" = agent ] || cat /etc/dogitops/k3s-server.yaml
  case "$ROLE" in
  first)
    [ "$DATASTORE" != etcd ] || echo "cluster-init: true"
    [ ! -s /var/lib/rancher/k3s/server/token ] || echo "token-file: /var/lib/rancher/k3s/server/token"
    ;;
  server | agent)
    echo "server: https://$FIRST_SERVER:6443"
    echo "token-file: /etc/rancher/k3s/join-token"
    ;;
  esac
} | replace "$CONFIG"
chmod 0600 "$CONFIG"

kind=server
[ "$ROLE" != agent ] || kind=agent
if [ "$ROLE" != first ]; then
  token="$(handover join-token)"
  install -m 0600 "$token" /etc/rancher/k3s/join-token
fi
systemctl enable "dogitops-k3s@$kind.service"
systemctl restart "dogitops-k3s@$kind.service"
if [ "$kind" = server ]; then
  eventually 300 k3s kubectl wait --for=condition=Ready --timeout=0 "node/$(hostname)" ||
    die "the node is not Ready: $(journalctl -u "dogitops-k3s@$kind" -n 20 --no-pager)"
else
  eventually 300 test -s /var/lib/rancher/k3s/agent/kubelet.kubeconfig ||
    die "the agent did not join: $(journalctl -u "dogitops-k3s@$kind" -n 20 --no-pager)"
fi
