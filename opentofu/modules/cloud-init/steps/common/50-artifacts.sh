#!/bin/sh
# What is downloaded: each thing once, at a pinned version, and only with the checksum that was written down for it.
# shellcheck source=../../files/lib.sh
. "${DOGITOPS_LIB:-/usr/local/lib/dogitops}/lib.sh"

LIST="${DOGITOPS_ARTIFACTS:-/etc/dogitops/artifacts}"
mkdir -p "$STATE/downloads" "$STATE/installed"

# fetch URL SHA256 FILE
fetch() {
  curl -fsSL --proto "=http,https" --connect-timeout 20 --speed-limit 1024 --speed-time 30 -o "$3.part" "$1" || return 1
  got="$(sha256sum "$3.part" | cut -d " " -f 1)"
  if [ "$got" != "$2" ]; then
    say "$1 has the sha256 $got, and pinned is $2"
    rm -f "$3.part"
    return 1
  fi
  mv "$3.part" "$3"
}

# Lines of: SHA256 URL PATH [WORDS FOR TAR]. A path that ends in / is a folder that an archive is unpacked into.
set -f # a word for tar may have stars
while read -r sum url path words; do
  [ -n "$sum" ] || continue
  [ "$(content "$STATE/installed/$sum")" != "$path" ] || continue
  file="$STATE/downloads/$sum"
  retry "${DOGITOPS_TRIES:-6}" fetch "$url" "$sum" "$file" || die "$url could not be had with the sha256 $sum"
  case "$path" in
  */)
    mkdir -p "$path"
    # shellcheck disable=SC2086 # they are words
    tar -xzf "$file" -C "$path" --no-same-owner $words
    ;;
  *)
    mkdir -p "$(dirname "$path")"
    chmod 0755 "$file"
    mv -f "$file" "$path" # a program that runs is replaced, not written into
    ;;
  esac
  rm -f "$file"
  printf '%s\n' "$path" >"$STATE/installed/$sum"
  say "$path from $url"
done <"$LIST"
