#!/bin/sh
# The volume, mounted by its name. A file system is made on a blank one only.
# shellcheck source=../../files/lib.sh
. "${DOGITOPS_LIB:-/usr/local/lib/dogitops}/lib.sh"
. "${DOGITOPS_NODE:-/etc/dogitops/node.env}"

MOUNT=/var/lib/rancher
if [ "$ROLE" != first ]; then
  say "the volume is the first server's"
  exit 0
fi
eventually "${DOGITOPS_VOLUME_PATIENCE:-300}" test -b "$VOLUME" || die "the volume $VOLUME is not attached"

found="$(wipefs --no-act --noheadings --output TYPE "$VOLUME")"
if [ -z "$found" ]; then
  # What wipefs does not know may still be somebody's data.
  [ -z "$(head -c 1048576 "$VOLUME" | tr -d '\000' | head -c 1)" ] ||
    die "$VOLUME is not blank, and holds no file system that is known here: it is left alone"
  say "$VOLUME is blank: making a file system"
  mkfs.ext4 -q "$VOLUME"
elif [ "$found" != ext4 ]; then
  die "$VOLUME holds $(echo "$found" | tr '\n' ' '), not a file system of ours: it is left alone"
fi

mkdir -p "$MOUNT"
grep -q "^$VOLUME " /etc/fstab ||
  echo "$VOLUME $MOUNT ext4 defaults,nofail,noatime,discard,x-systemd.growfs,x-systemd.device-timeout=60 0 2" >>/etc/fstab
systemctl daemon-reload
mountpoint -q "$MOUNT" || mount "$MOUNT"
resize2fs "$VOLUME" # one that has grown since its file system was made; later, x-systemd.growfs does it at each mount
