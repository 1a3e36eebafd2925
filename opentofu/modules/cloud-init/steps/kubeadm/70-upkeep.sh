#!/bin/sh
# What a control plane does by itself from now on: snapshots of etcd, and new certificates before the old ones end.
# shellcheck source=../../files/lib.sh
. "${DOGITOPS_LIB:-/usr/local/lib/dogitops}/lib.sh"
# shellcheck source=/dev/null
. "${DOGITOPS_NODE:-/etc/dogitops/node.env}"

KEYS=/etc/dogitops/objectstore.env
if [ "$ROLE" != control-plane ]; then
  say "a worker has nothing to keep up"
  exit 0
fi
systemctl enable --now dogitops-certificates.timer
if [ ! -s /etc/dogitops/snapshots.env ]; then
  say "no bucket for snapshots of etcd was named"
  exit 0
fi
if [ ! -s "$KEYS" ]; then
  # The key of the bucket and the password are handed over, and stay on this machine: they are needed each time.
  key="$(handover objectstore.env)"
  install -m 0600 "$key" "$KEYS"
fi
systemctl enable --now dogitops-etcd-snapshot.timer
