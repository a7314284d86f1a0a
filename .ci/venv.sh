#!/bin/sh
# Make the virtual environment $1 and put uv $2 into it. Called by the Makefile; PYTHON names another interpreter.
set -eu
venv=$1
uv=$2

fits() {
  command -v "$1" >/dev/null && "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))'
}

python=
for candidate in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11; do
  if [ -n "$candidate" ] && fits "$candidate"; then
    python=$candidate
    break
  fi
done
if [ -z "$python" ]; then
  echo "Python 3.11 to 3.14 is needed and was not found; set PYTHON=/path/to/python3" >&2
  exit 1
fi

echo "==> making $venv with $("$python" --version) and uv $uv (about 25 MB to download)"
if "$python" -c 'import ensurepip' 2>/dev/null; then
  "$python" -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "uv==$uv"
elif "$python" -m pip --version >/dev/null 2>&1; then
  "$python" -m venv --without-pip "$venv"
  "$python" -m pip --quiet --disable-pip-version-check --python "$venv/bin/python" install "uv==$uv"
elif command -v uv >/dev/null; then
  "$python" -m venv --without-pip "$venv"
  uv pip install --quiet --python "$venv/bin/python" "uv==$uv"
else
  rm -rf "$venv"
  echo "$python can make no virtual environment with pip: install python3-venv (Debian: apt install python3-venv)" >&2
  exit 1
fi
