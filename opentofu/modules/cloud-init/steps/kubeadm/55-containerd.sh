#!/bin/sh
# containerd, and into it the images that came with the machine's image.
# shellcheck source=../../files/lib.sh
. "${DOGITOPS_LIB:-/usr/local/lib/dogitops}/lib.sh"

systemctl enable containerd.service
systemctl restart containerd.service
eventually 60 ctr version || die "containerd does not answer: $(journalctl -u containerd -n 20 --no-pager)"
imports=""
for archive in /usr/local/share/dogitops/images/*.tar; do
  [ -f "$archive" ] || continue
  # Pinned, or the kubelet would remove what it can't pull again.
  # The kubelet unpacks what it starts, and nothing else.
  ctr -n k8s.io images import --no-unpack --label io.cri-containerd.pinned=pinned "$archive" &
  imports="$imports $!"
done
for import in $imports; do
  wait "$import" || die "an image of this machine's image could not be imported"
done
