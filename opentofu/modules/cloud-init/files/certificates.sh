#!/bin/sh
# Renew kubeadm's certificates once they have less than 60 days (they are made for a year), and have what holds them
# in memory read them again.
# shellcheck source=lib.sh
. "${DOGITOPS_LIB:-/usr/local/lib/dogitops}/lib.sh"

if openssl x509 -noout -checkend $((60 * 86400)) -in /etc/kubernetes/pki/apiserver.crt; then
  say "the certificates are good for more than 60 days"
  exit 0
fi
kubeadm certs renew all
# The kubelet starts what its manifest describes again when the manifest has come back.
umask 077
kept="$(mktemp -d /etc/kubernetes/renewal.XXXXXX)"
trap 'mv "$kept"/*.yaml /etc/kubernetes/manifests/ 2>/dev/null || true; rmdir "$kept"' EXIT
for manifest in /etc/kubernetes/manifests/*.yaml; do
  mv "$manifest" "$kept/"
  sleep 20
  mv "$kept/$(basename "$manifest")" "$manifest"
done
eventually 300 kubectl --kubeconfig /etc/kubernetes/admin.conf get --raw /readyz ||
  die "the API is not ready with its new certificates"
