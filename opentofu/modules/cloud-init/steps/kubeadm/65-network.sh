#!/bin/sh
# The pods' network, where this machine itself has to do something for it.
# shellcheck source=../../files/lib.sh
. "${DOGITOPS_LIB:-/usr/local/lib/dogitops}/lib.sh"
# shellcheck source=/dev/null
. "${DOGITOPS_NODE:-/etc/dogitops/node.env}"

case "$NETWORK" in
routes)
  systemctl enable dogitops-routes.service
  systemctl restart dogitops-routes.service
  ;;
*) say "the network $NETWORK comes as pods" ;;
esac
