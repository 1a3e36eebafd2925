# shellcheck shell=sh
# What the steps of the first boot share. Each is run by the runner `boot`, may be run again, and ends at its first error.
set -eu

STATE="${DOGITOPS_STATE:-/var/lib/dogitops}"           # how far the boot is; outlives a reboot
HANDOVER="${DOGITOPS_HANDOVER:-/run/dogitops/handover}" # what came over SSH; in memory, readable by root alone
PATIENCE="${DOGITOPS_PATIENCE:-3600}"                   # seconds to wait for what is handed over

now() { date -u +%Y-%m-%dT%H:%M:%SZ; }

say() { printf '%s %s\n' "$(now)" "$*" >&2; }

die() {
  say "$*"
  exit 1
}

# Print what a file holds, or nothing where it is not there.
content() { cat "$1" 2>/dev/null || true; }

# Write stdin to a file at once, so that nobody reads half of it.
replace() {
  cat >"$1.new"
  mv "$1.new" "$1"
}

# retry TIMES COMMAND...: again after 2, 4, 8... seconds, up to a minute apart.
retry() {
  tries="$1" try=1 pause="${DOGITOPS_PAUSE:-2}"
  shift
  until "$@"; do
    [ "$try" -lt "$tries" ] || return 1
    say "attempt $try of $tries failed: $*; again in $pause s"
    sleep "$pause"
    try=$((try + 1)) pause=$((pause * 2))
    [ "$pause" -le 60 ] || pause=60
  done
}

# eventually SECONDS COMMAND...: ask twice a second until it succeeds.
eventually() {
  left="$(($1 * 2))"
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$left" -gt 0 ] || return 1
    left=$((left - 1))
    sleep 0.5
  done
}

# Make the inside of a JSON string of the lines on stdin.
escaped() {
  tr -d '\000-\010\013-\037\177' | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/	/\\t/g' |
    awk '{ printf "%s%s", between, $0; between = "\\n" }'
}

# "text" or null; what needs no escaping is left alone, which saves most of the processes
quoted() {
  case "$1" in
  "") printf null ;;
  *[!A-Za-z0-9._:/-]*) printf '"%s"' "$(printf '%s\n' "$1" | escaped)" ;;
  *) printf '"%s"' "$1" ;;
  esac
}

# describe STEP: keep what status.json tells of a step that has changed as one line beside it, so that it is made once.
describe() {
  printf '{"name": %s, "state": %s, "started": %s, "ended": %s, "exit_code": %s, "log": %s, "error": %s}\n' \
    "$(quoted "$(basename "$1")")" "$(quoted "$(content "$1/state")")" \
    "$(quoted "$(content "$1/started")")" "$(quoted "$(content "$1/ended")")" \
    "$(content "$1/code" | grep . || echo null)" "$(quoted "$1/log")" \
    "$(quoted "$(content "$1/error")")" | replace "$1/line"
}

# Write status.json: what this machine tells of its boot. Its readers know format 1.
write_status() {
  between=""
  {
    printf '{"format": 1, "state": %s, "step": %s, "waiting_for": %s, "updated": "%s", "steps": [' \
      "$(quoted "$(content "$STATE/state")")" "$(quoted "$(content "$STATE/step")")" \
      "$(quoted "$(content "$STATE/waiting")")" "$(now)"
    for step in "$STATE"/steps/*; do
      [ -d "$step" ] || continue
      [ -s "$step/line" ] || describe "$step"
      IFS= read -r line <"$step/line"
      printf '%s\n %s' "$between" "$line"
      between=","
    done
    printf '\n]}\n'
  } | replace "$STATE/status.json"
}

# handover FILE: wait until it was handed over, and print where it is.
handover() {
  left="$PATIENCE"
  if [ ! -s "$HANDOVER/$1" ]; then
    say "waiting for $1 to be handed over"
    echo "$1" >"$STATE/waiting"
    write_status
    until [ -s "$HANDOVER/$1" ]; do
      [ "$left" -gt 0 ] || die "nobody handed over $1 within $PATIENCE s"
      left=$((left - 1))
      sleep 1
    done
    rm -f "$STATE/waiting"
    write_status
  fi
  printf '%s\n' "$HANDOVER/$1"
}

# private_address [PEER]: this machine's address in the private network, by the way to PEER.
private_address() {
  if [ -n "${1:-}" ]; then
    to="$(getent ahostsv4 "$1" | awk '{ print $1; exit }')"
    ip -4 route get "${to:-$1}" | awk '{ for (i = 1; i < NF; i++) if ($i == "src") print $(i + 1) }'
  else
    curl -fsS --max-time 5 --retry 5 --retry-all-errors http://169.254.169.254/metadata/v1/interfaces/private/0/ipv4/address
  fi
}
