#!/bin/sh
# An append-only file that only grows can be copied while it is written; one that is being rewritten can't
# (Redis's documentation, "Backing up AOF persistence").
set -eu
redis-cli CONFIG SET auto-aof-rewrite-percentage 0 >/dev/null
tries=0
while redis-cli INFO persistence | grep -q '^aof_rewrite_in_progress:1'; do
  tries=$((tries + 1))
  [ "$tries" -lt 25 ] || { echo "a rewrite of the append-only file did not end" >&2; exit 1; }
  sleep 1
done
