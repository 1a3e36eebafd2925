#!/bin/sh
# upgrade fetch VERSION: download what stdin lists (SHA256 URL PROGRAM), aside. upgrade plan VERSION: ask kubeadm.
# upgrade first VERSION, upgrade node VERSION: the control plane of this machine, or a worker's configuration.
# upgrade kubelet VERSION: the kubelet, once nothing runs here any more.
# The order among machines is the caller's: dogitops nodes upgrade.
# shellcheck source=lib.sh
. "${DOGITOPS_LIB:-/usr/local/lib/dogitops}/lib.sh"
# shellcheck source=kubeadm.sh
. "${DOGITOPS_LIB:-/usr/local/lib/dogitops}/kubeadm.sh"

VERSION="$2"
NEXT="$STATE/upgrade/$VERSION"
BIN="${DOGITOPS_BIN:-/usr/local/bin}"

fetch() {
  rm -rf "$NEXT"
  mkdir -p "$NEXT"
  while read -r sum url program; do
    rm -f "$STATE/installed/$sum" # that it was installed once does not say where
    printf '%s %s %s\n' "$sum" "$url" "$NEXT/$program"
  done >"$NEXT/artifacts"
  DOGITOPS_ARTIFACTS="$NEXT/artifacts" sh "${DOGITOPS_LIB:-/usr/local/lib/dogitops}/steps/50-artifacts.sh"
  told="$("$NEXT/kubeadm" version -o short)"
  [ "$told" = "v$VERSION" ] || die "this is kubeadm $told, and v$VERSION was asked for"
}

# From now on the machine has this version: what it is asked to be, and what a later init or join would make.
remember() {
  sed -i "s/^KUBERNETES_VERSION=.*/KUBERNETES_VERSION=\"$VERSION\"/" "${DOGITOPS_NODE:-/etc/dogitops/node.env}"
  sed -i "s/^kubernetesVersion: .*/kubernetesVersion: v$VERSION/" /etc/dogitops/kubeadm-cluster.yaml
}

case "$1" in
fetch) fetch ;;
plan) "$NEXT/kubeadm" upgrade plan "v$VERSION" ;;
first)
  install -m 0755 "$NEXT/kubeadm" "$BIN/kubeadm"
  kubeadm upgrade apply --yes "v$VERSION"
  ;;
node)
  install -m 0755 "$NEXT/kubeadm" "$BIN/kubeadm"
  kubeadm upgrade node
  ;;
kubelet)
  install -m 0755 "$NEXT/kubectl" "$BIN/kubectl"
  install -m 0755 "$NEXT/kubelet" "$BIN/kubelet"
  systemctl daemon-reload
  systemctl restart kubelet.service
  remember
  rm -rf "$NEXT"
  ;;
*) die "upgrade is not called so: $*" ;;
esac
