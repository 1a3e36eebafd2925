#!/bin/sh
# SSH as 10-dogitops.conf says, and root without a password.
# shellcheck source=../../files/lib.sh
. "${DOGITOPS_LIB:-/usr/local/lib/dogitops}/lib.sh"

passwd --lock root
mkdir -p /run/sshd # where nobody has connected yet, it is not there
sshd -t
# A restart leaves connections alone.
systemctl try-restart ssh.service
mkdir -p /run/sshd
# Which of two settings counts is sshd's to say: ask it.
told="$(sshd -T)"
for setting in "passwordauthentication no" "kbdinteractiveauthentication no" "permitemptypasswords no"; do
  printf '%s\n' "$told" | grep -qix "$setting" || die "sshd does not have '$setting': another file below /etc/ssh overrides ours"
done
printf '%s\n' "$told" | grep -qixE "permitrootlogin (prohibit-password|without-password)" || die "sshd lets root in by password"
