#!/bin/sh
# The password comes on stdin, so that it stands neither in a file nor on the command line.
exec redis-server /config/redis.conf - <<EOF
requirepass $REDISCLI_AUTH
EOF
