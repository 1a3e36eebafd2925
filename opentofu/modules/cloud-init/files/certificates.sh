#!/bin/sh
# certificates: renew kubeadm's certificates once one of them has less than 60 days (they are made for a year), and
# have what holds them in memory start again, one after another. certificates now: whatever they have.
# shellcheck source=lib.sh
. "${DOGITOPS_LIB:-/usr/local/lib/dogitops}/lib.sh"
# shellcheck source=kubeadm.sh
. "${DOGITOPS_LIB:-/usr/local/lib/dogitops}/kubeadm.sh"
DAYS="${DOGITOPS_DAYS:-60}"

# Print each certificate that kubeadm renews, as: SECONDS-SINCE-1970 FILE
ends() {
  for file in "$KUBERNETES"/pki/*.crt "$KUBERNETES"/pki/etcd/*.crt; do
    case "$file" in */ca.crt | */front-proxy-ca.crt) continue ;; esac
    printf '%s %s\n' "$(openssl x509 -noout -enddate -in "$file" | end_of)" "$file"
  done
  for file in admin super-admin controller-manager scheduler; do
    file="$KUBERNETES/$file.conf"
    [ -f "$file" ] || continue
    inside="$(sed -n 's/^ *client-certificate-data: *//p' "$file" | base64 -d)"
    printf '%s %s\n' "$(printf '%s\n' "$inside" | openssl x509 -noout -enddate | end_of)" "$file"
  done
}

end_of() { date -u -d "$(cut -d = -f 2)" +%s; }

tell() {
  ends | sort -n | head -n 1 | cut -d " " -f 1 |
    metric dogitops_certificate_end_seconds "When the first of this control plane's certificates ends."
}

first="$(ends | sort -n | head -n 1)"
left=$(((${first%% *} - $(date -u +%s)) / 86400))
if [ "${1:-}" != now ] && [ "$left" -ge "$DAYS" ]; then
  tell
  say "all certificates are good for $left days or more"
  exit 0
fi
say "${first#* } is good for $left days: renewing all"
kubeadm certs renew all
start_again etcd http://127.0.0.1:2381/readyz
start_again kube-apiserver https://127.0.0.1:6443/livez
start_again kube-controller-manager https://127.0.0.1:10257/healthz
start_again kube-scheduler https://127.0.0.1:10259/healthz
eventually 300 api_is_ready || die "the API is not ready with its new certificates"
tell
say "the new certificates are in use"
