#!/bin/sh
# Whether an entry was written in the last $1 seconds.
[ $(($(date +%s) - $(cat /tmp/written))) -lt "$1" ]
