#!/bin/sh
set -eu
redis-cli CONFIG SET auto-aof-rewrite-percentage 100 >/dev/null
