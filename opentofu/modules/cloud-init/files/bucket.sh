# shellcheck shell=sh
# Snapshots of etcd in a bucket: sealed with a password that only this cluster's operators have. lib.sh is read before.
SNAPSHOTS="${DOGITOPS_SNAPSHOTS:-/etc/dogitops/snapshots.env}"
KEYS="${DOGITOPS_OBJECTSTORE:-/etc/dogitops/objectstore.env}"
# shellcheck disable=SC2034 # how many are kept is read by whoever reads this
BUCKET_URL="" KEEP="" ACCESS_KEY_ID="" SECRET_ACCESS_KEY="" SNAPSHOT_PASSWORD=""
# shellcheck source=/dev/null # from the configuration
. "$SNAPSHOTS"
# shellcheck source=/dev/null # handed over by SSH
. "$KEYS"

# request ARGUMENTS...: curl, signed for the bucket. The key stands on stdin, where no list of processes shows it.
request() {
  printf 'user = "%s:%s"\n' "$ACCESS_KEY_ID" "$SECRET_ACCESS_KEY" |
    curl -fsS --config - --aws-sigv4 "aws:amz:us-east-1:s3" --connect-timeout 20 --speed-limit 1024 --speed-time 60 "$@"
}

# upload FILE NAME: the server compares it with its sha256.
upload() {
  request -H "x-amz-content-sha256: $(sha256sum "$1" | cut -d " " -f 1)" --upload-file "$1" "$BUCKET_URL/etcd/$2"
}

# A request without a body names the sha256 of nothing: older versions of curl leave it to us.
ask() { request -H "x-amz-content-sha256: $(sha256sum </dev/null | cut -d " " -f 1)" "$@"; }

download() { ask -o "$2" "$BUCKET_URL/etcd/$1"; } # NAME FILE

remove() { ask -X DELETE "$BUCKET_URL/etcd/$1"; } # NAME

# Print the names of the sealed snapshots in the bucket, the oldest first. A server lists a thousand keys at once.
listed() {
  after=""
  while :; do
    told="$(ask "$BUCKET_URL?list-type=2&prefix=etcd%2F${after:+&start-after=etcd%2F$after}")" || return 1
    names="$(printf '%s' "$told" | grep -o '<Key>etcd/[^<]*</Key>' | sed -e 's,^<Key>etcd/,,' -e 's,</Key>$,,' | sort)"
    printf '%s\n' "$names" | grep '\.sealed$' || :
    case "$told" in *"<IsTruncated>true<"*) after="$(printf '%s\n' "$names" | tail -n 1)" ;; *) return 0 ;; esac
  done
}

# seal FILE: write FILE.sealed, encrypted, and FILE.hmac, which tells whether that was changed.
seal() {
  openssl enc -aes-256-ctr -pbkdf2 -iter 600000 -salt -pass "file:$(password)" -in "$1" -out "$1.sealed"
  authenticated "$1.sealed" >"$1.hmac"
}

# unseal FILE: write FILE from FILE.sealed, unless that is not what FILE.hmac was made for.
unseal() {
  [ "$(authenticated "$1.sealed")" = "$(cat "$1.hmac")" ] || return 1
  openssl enc -d -aes-256-ctr -pbkdf2 -iter 600000 -pass "file:$(password)" -in "$1.sealed" -out "$1"
}

# The password as a file in memory, for root alone: neither arguments nor the environment tell it.
password() {
  [ -n "$SNAPSHOT_PASSWORD" ] || die "there is no password for snapshots in $KEYS"
  mkdir -p "$HANDOVER"
  (umask 077 && printf '%s\n' "$SNAPSHOT_PASSWORD" >"$HANDOVER/snapshot-password")
  printf '%s\n' "$HANDOVER/snapshot-password"
}

# authenticated FILE: print its HMAC-SHA256 under the password. Ubuntu has Python wherever it has cloud-init.
authenticated() {
  python3 - "$1" "$(password)" <<'PYTHON'
import hmac, sys

with open(sys.argv[1], "rb") as file, open(sys.argv[2], "rb") as key:
    code = hmac.new(key.read().strip(), digestmod="sha256")
    for part in iter(lambda: file.read(1 << 20), b""):
        code.update(part)
print(code.hexdigest())
PYTHON
}
