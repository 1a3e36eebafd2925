# Sourced by the scripts beside it: makes the Python environment in .venv, once for each state of requirements/.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

fail() {
  printf 'error: %s\n' "$1" >&2
  [ -z "${2:-}" ] || printf 'what to do: %s\n' "$2" >&2
  exit 2
}

# as_root COMMAND…: run it as root, or fail where we may not.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

may_be_root() {
  [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null
}

# install_packages PACKAGE…: with apt, where we may; else say exactly what to install.
install_packages() {
  command -v apt-get >/dev/null && may_be_root ||
    fail "these packages are missing: $*" "install them (on Debian and Ubuntu: sudo apt-get install $*) and run this again"
  printf '> installing %s\n' "$*" >&2
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq >&2 || true
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

# want_browser: for the tests that look at pages. Where none is there and none can be installed, they are skipped.
want_browser() {
  local name
  for name in chromium-headless-shell chromium google-chrome; do
    ! command -v "$name" >/dev/null || return 0
  done
  command -v apt-get >/dev/null && may_be_root || return 0
  (install_packages chromium-headless-shell fonts-dejavu-core) ||
    printf '! no browser could be installed: tests that look at pages are skipped\n' >&2
}

find_python() {
  local candidate
  for candidate in python3 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      printf '%s' "$candidate"
      return
    fi
  done
  fail "Python 3.11 or newer was not found" "install it (Debian 12: python3; Ubuntu 22.04: python3.11 and python3.11-venv)"
}

# prepare runtime|dev: a virtual environment ($venv) whose packages are exactly those of requirements/NAME.txt, by hash.
# An active one (VIRTUAL_ENV) that an earlier 'prepare' made for the very same list is used; else it is .venv.
venv=$root/.venv
prepare() {
  local wanted=$root/requirements/$1.txt python ready
  ready=.ready-$1-$(sha256sum <"$wanted" | cut -c1-16)
  if [ -f "${VIRTUAL_ENV:-}/$ready" ]; then
    venv=$VIRTUAL_ENV
  fi
  [ ! -f "$venv/$ready" ] || return 0
  command -v git >/dev/null || install_packages git
  python=$(find_python)
  exec 9>"$root/.venv.lock"
  flock 9
  if [ ! -f "$venv/$ready" ]; then
    printf '> preparing the Python environment (%s)\n' "$1" >&2
    if ! "$python" -m venv "$venv" >/dev/null 2>&1; then
      install_packages "python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
      "$python" -m venv "$venv"
    fi
    rm -f "$venv"/.ready-*
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r "$wanted" >&2
    if [ "$1" = dev ]; then # it holds what every command needs, too
      touch "$venv/.ready-runtime-$(sha256sum <"$root/requirements/runtime.txt" | cut -c1-16)"
    fi
    touch "$venv/$ready"
  fi
  exec 9>&-
}

# dogitops …: the command line of this clone.
dogitops() {
  PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH} DOGITOPS_ROOT=${DOGITOPS_ROOT:-$root} \
    "$venv/bin/python" -m automation "$@"
}
