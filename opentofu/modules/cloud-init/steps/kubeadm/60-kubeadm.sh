#!/bin/sh
# kubeadm: the first control plane begins the cluster; all others join it, one after another, each with a short-lived
# token that is handed over to it.
# shellcheck source=../../files/lib.sh
. "${DOGITOPS_LIB:-/usr/local/lib/dogitops}/lib.sh"
. "${DOGITOPS_NODE:-/etc/dogitops/node.env}"

CONFIG="$HANDOVER/kubeadm.yaml" # in memory: it holds the token
told="$(kubeadm version -o short)"
[ "$told" = "v$KUBERNETES_VERSION" ] || die "this is kubeadm $told, and v$KUBERNETES_VERSION was asked for"
if [ -s /etc/kubernetes/kubelet.conf ]; then
  say "this machine is a node already"
  exit 0
fi

host="${ENDPOINT%:*}"
address="$(private_address "$host")"
[ -n "$address" ] || die "there is no way to the API's endpoint $ENDPOINT"
registration="$(
  cat <<YAML
nodeRegistration:
  name: $(hostname)
  criSocket: unix:///run/containerd/containerd.sock
  kubeletExtraArgs:
    - {name: node-ip, value: "$address"}
YAML
)"
systemctl enable kubelet.service

if [ "$ROLE" = control-plane ] && [ "$NUMBER" = 1 ]; then
  {
    printf 'apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\n%s\n' "$registration"
    printf 'localAPIEndpoint: {advertiseAddress: "%s", bindPort: 6443}\n---\n' "$address"
    cat /etc/dogitops/kubeadm-cluster.yaml
  } | replace "$CONFIG"
  # An init that was cut off has left its parts: begin again.
  [ ! -d /etc/kubernetes/manifests ] || [ -z "$(ls /etc/kubernetes/manifests)" ] || kubeadm reset --force
  # The token of an init is for nobody: who joins gets one of its own.
  kubeadm init --config "$CONFIG" --skip-token-print --skip-certificate-key-print
  for manifest in /etc/dogitops/manifests/*; do
    [ -f "$manifest" ] || continue
    retry 6 kubectl --kubeconfig /etc/kubernetes/admin.conf apply --server-side -f "$manifest"
  done
  rm -f "$CONFIG"
  exit 0
fi

join="$(handover join.env)"
TOKEN="" CA_HASH="" CERTIFICATE_KEY=""
# shellcheck source=/dev/null # it comes over SSH
. "$join"
rm -f "$join"
{
  printf 'apiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\n%s\n' "$registration"
  printf 'discovery:\n  bootstrapToken:\n    apiServerEndpoint: "%s"\n    token: "%s"\n    caCertHashes: ["%s"]\n' \
    "$ENDPOINT" "$TOKEN" "$CA_HASH"
  if [ "$ROLE" = control-plane ]; then
    printf 'controlPlane:\n  certificateKey: "%s"\n' "$CERTIFICATE_KEY"
    printf '  localAPIEndpoint: {advertiseAddress: "%s", bindPort: 6443}\n' "$address"
  fi
} | replace "$CONFIG"
if ! kubeadm join --config "$CONFIG"; then
  rm -f "$CONFIG"
  kubeadm reset --force # so that the next attempt, with a new token, begins from nothing
  die "this machine could not join the cluster at $ENDPOINT; it needs a new token for the next attempt"
fi
rm -f "$CONFIG"
