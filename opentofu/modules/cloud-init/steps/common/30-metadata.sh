#!/bin/sh
# The metadata service tells user-data to whoever asks: here that is root alone, and no pod.
# shellcheck source=../../files/lib.sh
. "${DOGITOPS_LIB:-/usr/local/lib/dogitops}/lib.sh"

systemctl enable dogitops-metadata.service
systemctl restart dogitops-metadata.service
nft list table inet dogitops
