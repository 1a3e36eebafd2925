#!/bin/sh
# Write a snapshot of etcd into the bucket; on three control planes, each writes its own, at another minute.
# shellcheck source=lib.sh
. "${DOGITOPS_LIB:-/usr/local/lib/dogitops}/lib.sh"
. /etc/dogitops/snapshots.env
. /etc/dogitops/objectstore.env

PKI=/etc/kubernetes/pki/etcd
umask 077
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
name="$(hostname)-$(date -u +%Y%m%dT%H%M%SZ).db"
etcdctl --endpoints https://127.0.0.1:2379 --cacert "$PKI/ca.crt" --cert "$PKI/server.crt" --key "$PKI/server.key" \
  snapshot save "$folder/$name"
etcdutl snapshot status "$folder/$name" # it reads all of it, and checks its sum

upload() {
  # The key stands on stdin, where no list of processes shows it.
  printf 'user = "%s:%s"\n' "$ACCESS_KEY_ID" "$SECRET_ACCESS_KEY" |
    curl -fsS --config - --aws-sigv4 "aws:amz:us-east-1:s3" --upload-file "$folder/$name" \
      "$BUCKET_URL/etcd/$name"
}
retry 5 upload || die "the snapshot $name could not be written to $BUCKET_URL"
say "$name is in the bucket"
