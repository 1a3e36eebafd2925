#!/bin/sh
# etcd-restore check NAME: fetch a snapshot, and prove that it is whole and this cluster's. Nothing is changed.
# etcd-restore apply NAME: make this machine the first control plane of that cluster, as the snapshot tells it.
# etcd-restore again: take this machine out of a cluster that is gone, so that its boot joins it to the restored one.
# Who takes part, and in which order, is the caller's to say: dogitops etcd restore.
# shellcheck source=lib.sh
. "${DOGITOPS_LIB:-/usr/local/lib/dogitops}/lib.sh"
# shellcheck source=kubeadm.sh
. "${DOGITOPS_LIB:-/usr/local/lib/dogitops}/kubeadm.sh"

umask 077
FETCHED="$STATE/restore/${2:-}"

check() {
  # shellcheck source=bucket.sh
  . "${DOGITOPS_LIB:-/usr/local/lib/dogitops}/bucket.sh"
  rm -rf "$STATE/restore"
  mkdir -p "$FETCHED"
  trap 'rm -f "$HANDOVER/snapshot-password"' EXIT
  for part in sealed hmac; do
    retry 3 download "$1.$part" "$FETCHED/snapshot.$part" || die "$1.$part can't be fetched from $BUCKET_URL"
  done
  unseal "$FETCHED/snapshot" || die "$1 was changed since it was written, or was sealed with another password"
  tar -xzf "$FETCHED/snapshot" -C "$FETCHED"
  rm "$FETCHED/snapshot" "$FETCHED/snapshot.sealed"
  (cd "$FETCHED" && sha256sum --quiet --check sums) || die "$1 is not whole"
  etcdutl snapshot status "$FETCHED/etcd.db"
  CLUSTER="" SNAPSHOT_OF=""
  # shellcheck source=/dev/null # from the snapshot, which is proven to be ours
  . "$FETCHED/about.env"
  [ "$CLUSTER" = "$NAME" ] || die "$1 is of the cluster $CLUSTER, and this machine is of $NAME"
  case "$SNAPSHOT_OF" in
  "${KUBERNETES_VERSION%.*}".*) ;;
  *) die "$1 is of Kubernetes $SNAPSHOT_OF, and this machine has $KUBERNETES_VERSION: use the same minor version" ;;
  esac
  touch "$FETCHED/checked"
  say "$1 is whole"
}

apply() {
  [ -f "$FETCHED/checked" ] || die "$1 was not checked on this machine"
  undo_node
  mkdir -p "$KUBERNETES/pki"
  tar -xf "$FETCHED/keys.tar" -C "$KUBERNETES/pki"
  # The revision goes up, or what watches the API would take older objects for newer ones.
  etcdutl snapshot restore "$FETCHED/etcd.db" --name "$(hostname)" --data-dir "$DATA" \
    --initial-cluster "$(hostname)=https://$ADDRESS:2380" --initial-advertise-peer-urls "https://$ADDRESS:2380" \
    --initial-cluster-token "restored-$(date -u +%s)" --bump-revision 1000000000 --mark-compacted
  mkdir -p "$HANDOVER"
  configuration="$(init_configuration)"
  printf '%s\n' "$configuration" | replace "$HANDOVER/kubeadm.yaml"
  kubeadm init --config "$HANDOVER/kubeadm.yaml" --ignore-preflight-errors=DirAvailable--var-lib-etcd \
    --skip-token-print --skip-certificate-key-print
  touch "$JOINED"
  rm -rf "$HANDOVER/kubeadm.yaml" "$STATE/restore"
  eventually 300 api_is_ready || die "the API is not ready after the restore"
  say "$1 is restored"
}

again() {
  undo_node
  for step in 60-kubeadm 65-network 70-upkeep 80-ready; do
    rm -rf "$STATE/steps/$step"
  done
  echo running >"$STATE/state"
  write_status
  systemctl restart --no-block dogitops-boot.service
}

case "$1" in
check | apply) "$1" "$2" ;;
again) again ;;
*) die "etcd-restore is not called so: $*" ;;
esac
