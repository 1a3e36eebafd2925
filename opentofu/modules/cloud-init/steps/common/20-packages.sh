#!/bin/sh
# What the later steps need, and upgrades for security that come by themselves.
# shellcheck source=../../files/lib.sh
. "${DOGITOPS_LIB:-/usr/local/lib/dogitops}/lib.sh"

export DEBIAN_FRONTEND=noninteractive
missing=""
for package in unattended-upgrades nftables e2fsprogs curl ca-certificates conntrack ethtool socat; do
  dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
if [ -n "$missing" ]; then
  lock="-o DPkg::Lock::Timeout=300" # the image's own first update may hold it
  retry 6 apt-get "$lock" -q update
  # shellcheck disable=SC2086 # they are words
  retry 6 apt-get "$lock" -qy --no-install-recommends install $missing
fi
systemctl enable --now unattended-upgrades.service
systemctl enable apt-daily.timer apt-daily-upgrade.timer 2>/dev/null || say "apt's timers are switched off in this image"
