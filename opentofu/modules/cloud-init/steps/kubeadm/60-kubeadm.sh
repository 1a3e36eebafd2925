#!/bin/sh
# kubeadm: the first control plane begins the cluster; all others join it, one after another, each with a short-lived
# token that is handed over to it.
# shellcheck source=../../files/lib.sh
. "${DOGITOPS_LIB:-/usr/local/lib/dogitops}/lib.sh"
# shellcheck source=../../files/kubeadm.sh
. "${DOGITOPS_LIB:-/usr/local/lib/dogitops}/kubeadm.sh"

CONFIG="$HANDOVER/kubeadm.yaml" # in memory: it holds the token
told="$(kubeadm version -o short)"
[ "$told" = "v$KUBERNETES_VERSION" ] || die "this is kubeadm $told, and v$KUBERNETES_VERSION was asked for"
if [ -f "$JOINED" ]; then
  say "this machine is a node already"
  exit 0
fi
[ -n "$ADDRESS" ] || die "there is no way to the API's endpoint $ENDPOINT"
# What was cut off has left its parts: begin again.
[ ! -s "$KUBERNETES/kubelet.conf" ] || kubeadm reset --force
systemctl enable kubelet.service

# A machine that replaces the first control plane joins the cluster that there is: two would stand behind one address.
api_answers() { curl -sSk --max-time 5 -o /dev/null "https://$ENDPOINT/livez"; }
if [ "$ROLE" = control-plane ] && [ "$NUMBER" = 1 ] && ! eventually 1 api_answers; then
  configuration="$(init_configuration)" # not in a pipe, which would hide that it failed
  printf '%s\n' "$configuration" | replace "$CONFIG"
  # The token of an init is for nobody: who joins gets one of its own.
  kubeadm init --config "$CONFIG" --skip-token-print --skip-certificate-key-print
  for manifest in /etc/dogitops/manifests/*; do
    [ -f "$manifest" ] || continue
    retry 6 kubectl --kubeconfig "$ADMIN" apply --server-side -f "$manifest"
  done
  rm -f "$CONFIG"
  touch "$JOINED"
  exit 0
fi

join="$(handover join.env)"
TOKEN="" CA_HASH="" CERTIFICATE_KEY=""
# shellcheck source=/dev/null # it comes over SSH
. "$join"
rm -f "$join"
configuration="$(join_configuration "$TOKEN" "$CA_HASH" "$CERTIFICATE_KEY")"
printf '%s\n' "$configuration" | replace "$CONFIG"
if ! kubeadm join --config "$CONFIG"; then
  rm -f "$CONFIG"
  kubeadm reset --force # so that the next attempt, with a new token, begins from nothing
  die "this machine could not join the cluster at $ENDPOINT; it needs a new token for the next attempt"
fi
rm -f "$CONFIG"
touch "$JOINED"
