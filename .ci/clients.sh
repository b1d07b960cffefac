#!/usr/bin/env bash
# Installs what the driver tests need (tests/it/clients_drivers.rs) and prints where it is:
#   export STARHOUSE_PYTHON=/path/to/python
# Source its output:  eval "$(.ci/clients.sh)". On Debian missing programs come from apt-get; the
# Python packages go into a folder of the user's cache, pinned by tests/clients/requirements.txt.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "clients.sh: $*" >&2; }

# Debian's packages for those of the named programs that are missing.
install() {
  local packages=("$@")
  if ! command -v apt-get >/dev/null; then
    say "please install: ${packages[*]}"
    exit 1
  fi
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then as_root=(sudo); fi
  say "installing ${packages[*]}"
  "${as_root[@]}" apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends \
    "${packages[@]}" >&2
}

missing=()
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3 python3-venv)
command -v javac >/dev/null || missing+=(default-jdk-headless)
command -v mvn >/dev/null || missing+=(maven)
if [ ${#missing[@]} -gt 0 ]; then install "${missing[@]}"; fi

requirements=tests/clients/requirements.txt
version=$(sha256sum "$requirements" | cut -c1-12)
folder="${XDG_CACHE_HOME:-$HOME/.cache}/starhouse/python-$version"
if [ ! -e "$folder/complete" ]; then
  say "installing the Python packages of $requirements"
  rm -rf "$folder"
  python3 -m venv "$folder" >&2
  "$folder/bin/python" -m pip install --quiet --requirement "$requirements" >&2
  touch "$folder/complete"
fi

say "fetching the JDBC driver"
mvn --quiet --batch-mode --file tests/clients/jdbc/pom.xml dependency:resolve >&2

echo "export STARHOUSE_PYTHON=$folder/bin/python"
