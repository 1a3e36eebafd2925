#!/bin/sh
# Write a snapshot of etcd into the bucket, with the keys that no new cluster could make again; on three control planes
# each writes its own, at another minute. Sealed: etcd holds every Secret of the cluster.
# shellcheck source=lib.sh
. "${DOGITOPS_LIB:-/usr/local/lib/dogitops}/lib.sh"
# shellcheck source=kubeadm.sh
. "${DOGITOPS_LIB:-/usr/local/lib/dogitops}/kubeadm.sh"
# shellcheck source=bucket.sh
. "${DOGITOPS_LIB:-/usr/local/lib/dogitops}/bucket.sh"

PKI="$KUBERNETES/pki"
umask 077
folder="$(mktemp -d)"
trap 'rm -rf "$folder" "$HANDOVER/snapshot-password"' EXIT
name="$(date -u +%Y%m%dT%H%M%SZ)-$(hostname)"
sleep 1 # or one that begins as soon as this has ended could have its name, and take its place
etcdctl --endpoints https://127.0.0.1:2379 --cacert "$PKI/etcd/ca.crt" --cert "$PKI/etcd/server.crt" \
  --key "$PKI/etcd/server.key" snapshot save "$folder/etcd.db"
etcdutl snapshot status "$folder/etcd.db" # it reads all of it, and checks its sum
printf 'CLUSTER="%s"\nSNAPSHOT_OF="%s"\n' "$NAME" "$KUBERNETES_VERSION" >"$folder/about.env"
(cd "$folder" && sha256sum etcd.db about.env >sums)
(cd "$PKI" && tar -cf "$folder/keys.tar" ca.crt ca.key sa.pub sa.key front-proxy-ca.crt front-proxy-ca.key etcd/ca.crt etcd/ca.key)
tar -czf "$folder/$name" -C "$folder" etcd.db about.env sums keys.tar
seal "$folder/$name"
# Whole is a snapshot that has both; the one that is listed comes last.
retry 5 upload "$folder/$name.hmac" "$name.hmac" || die "the snapshot $name could not be written to $BUCKET_URL"
retry 5 upload "$folder/$name.sealed" "$name.sealed" || die "the snapshot $name could not be written to $BUCKET_URL"
date -u +%s | metric dogitops_etcd_snapshot_seconds "When the newest snapshot of etcd was in the bucket."
say "$name is in the bucket"

# Of this machine's own, only so many are kept.
all="$(listed)" || die "the snapshots in $BUCKET_URL can't be listed, so none of them is removed"
printf '%s\n' "$all" | grep -e "-$(hostname)\.sealed\$" | head -n "-$KEEP" | while read -r old; do
  remove "$old"
  remove "${old%.sealed}.hmac"
  say "${old%.sealed} was the oldest of more than $KEEP, and is removed"
done
