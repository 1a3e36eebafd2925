#!/bin/sh
# Run the steps of the first boot one after another, and tell in status.json how far that is. A step that has ended
# well is not run again; one that fails ends the boot. To try again: systemctl restart dogitops-boot
set -eu
LIB="${DOGITOPS_LIB:-/usr/local/lib/dogitops}"
# shellcheck source=lib.sh
. "$LIB/lib.sh"

umask 077
mkdir -p "$STATE/steps" "$HANDOVER"
rm -f "$STATE/waiting"
echo running >"$STATE/state"

for script in "$LIB"/steps/*.sh; do
  name="$(basename "$script" .sh)"
  step="$STATE/steps/$name"
  mkdir -p "$step"
  [ "$(content "$step/state")" != "done" ] || continue
  echo "$name" >"$STATE/step"
  echo running >"$step/state"
  now >"$step/started"
  rm -f "$step/ended" "$step/code" "$step/error"
  describe "$step"
  write_status
  say "step $name"
  code=0
  sh "$script" >>"$step/log" 2>&1 || code=$?
  now >"$step/ended"
  echo "$code" >"$step/code"
  rm -f "$STATE/waiting"
  if [ "$code" -ne 0 ]; then
    echo failed | tee "$STATE/state" >"$step/state"
    tail -n 20 "$step/log" | tail -c 4000 >"$step/error"
    describe "$step"
    write_status
    say "step $name exited with $code:"
    cat "$step/error" >&2
    exit 1
  fi
  echo "done" >"$step/state"
  describe "$step"
  write_status
done

rm -rf "$HANDOVER"
rm -f "$STATE/step"
echo "done" >"$STATE/state"
write_status
say "all steps are done"
