#!/bin/sh
# What a control plane does by itself from now on: snapshots of etcd, and new certificates before the old ones end.
# shellcheck source=../../files/lib.sh
. "${DOGITOPS_LIB:-/usr/local/lib/dogitops}/lib.sh"
. "${DOGITOPS_NODE:-/etc/dogitops/node.env}"

if [ "$ROLE" != control-plane ]; then
  say "a worker has nothing to keep up"
  exit 0
fi
systemctl enable --now dogitops-certificates.timer
if [ -s /etc/dogitops/snapshots.env ]; then
  # The key of the bucket is handed over, and stays on this machine: it is needed each time.
  key="$(handover objectstore.env)"
  install -m 0600 "$key" /etc/dogitops/objectstore.env
  systemctl enable --now dogitops-etcd-snapshot.timer
else
  say "no bucket for snapshots of etcd was named"
fi
