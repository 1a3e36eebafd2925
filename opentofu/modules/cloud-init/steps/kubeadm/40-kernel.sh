#!/bin/sh
# What Kubernetes asks of a machine: no swap, packets of pods forwarded and filtered.
# shellcheck source=../../files/lib.sh
. "${DOGITOPS_LIB:-/usr/local/lib/dogitops}/lib.sh"

if systemd-detect-virt --quiet --container; then
  say "the kernel is that of the machine around this container: its modules and its swap are left alone"
else
  swapoff -a
  sed -i '/^[^#].*[[:space:]]swap[[:space:]]/s/^/#/' /etc/fstab
  for module in overlay br_netfilter; do
    modprobe "$module"
  done
fi
sysctl -q -p /etc/sysctl.d/90-dogitops.conf
