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

# prepare runtime|dev: a virtual environment whose packages are exactly those of requirements/NAME.txt, by hash.
prepare() {
  local wanted=$root/requirements/$1.txt venv=$root/.venv python stamp
  stamp="$(sha256sum <"$wanted" | cut -c1-16)"
  # What a run with dev packages made serves every command.
  if [ -f "$venv/.ready-$1-$stamp" ] || { [ "$1" = runtime ] && compgen -G "$venv/.ready-dev-*" >/dev/null && [ "$venv/.runtime-of-dev" -nt "$wanted" ]; }; then
    return
  fi
  command -v git >/dev/null || install_packages git
  python=$(find_python)
  exec 9>"$root/.venv.lock"
  flock 9
  if [ ! -f "$venv/.ready-$1-$stamp" ]; then
    printf '> preparing the Python environment (%s)\n' "$1" >&2
    if ! "$python" -m venv "$venv" >/dev/null 2>&1; then
      install_packages "python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
      "$python" -m venv "$venv"
    fi
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r "$wanted" >&2
    rm -f "$venv"/.ready-*
    [ "$1" = runtime ] || touch "$venv/.runtime-of-dev"
    touch "$venv/.ready-$1-$stamp"
  fi
  exec 9>&-
}

# dogitops …: the command line of this clone.
dogitops() {
  PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH} DOGITOPS_ROOT=${DOGITOPS_ROOT:-$root} \
    "$root/.venv/bin/python" -m automation "$@"
}
