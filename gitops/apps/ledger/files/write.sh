#!/bin/sh
# While Redis is not ready its name does not resolve: the full name with its dot asks nobody outside the cluster, and
# no connection may hold the loop for longer than a few seconds.
# Every second: the next number and the time, as one entry. One script in Redis, so that an entry is whole or absent.
entry="
local number = redis.call('INCR', 'writer:sequence')
redis.call('XADD', 'writer:log', 'MAXLEN', '~', '20000', '*', 'sequence', number, 'time', ARGV[1])
redis.call('SET', 'writer:last', number)
return number"
trap 'exit 0' TERM INT
while :; do
  if timeout 5 redis-cli -h redis.ledger.svc.cluster.local. -e EVAL "$entry" 0 "$(date +%s)" >/dev/null; then
    date +%s >/tmp/written
  fi
  sleep 1 &
  wait $!   # a signal ends the wait at once, a sleep in the foreground would hold it back
done
