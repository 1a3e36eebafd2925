#!/bin/sh
# Restore mode: wait for the snapshot of K3s's datastore that was named, and put it where K3s will find it.
# shellcheck source=../../files/lib.sh
. "${DOGITOPS_LIB:-/usr/local/lib/dogitops}/lib.sh"
. "${DOGITOPS_NODE:-/etc/dogitops/node.env}"

SERVER="${DOGITOPS_SERVER:-/var/lib/rancher/k3s/server}"
if [ -z "$RESTORE" ] || [ "$ROLE" != first ]; then
  say "nothing is restored"
  exit 0
fi
if [ -d "$SERVER/db" ]; then
  die "there is a datastore in $SERVER/db already: $RESTORE is not restored over it"
fi
snapshot="$(handover "restore/$RESTORE")"
token="$(handover k3s-token)" # what the snapshot was encrypted with
mkdir -p "$SERVER"
install -m 0600 "$token" "$SERVER/token"
case "$DATASTORE" in
sqlite)
  [ "$(head -c 15 "$snapshot")" = "SQLite format 3" ] || die "$RESTORE is no SQLite database"
  mkdir -p "$SERVER/db.new"
  install -m 0600 "$snapshot" "$SERVER/db.new/state.db"
  mv "$SERVER/db.new" "$SERVER/db"
  ;;
etcd)
  k3s server --token-file "$SERVER/token" --cluster-reset --cluster-reset-restore-path="$snapshot"
  ;;
esac
say "$RESTORE is in place"
