# Debian packages that only tests need. Sourced by `run`.

PACKAGES="busybox-static chromium docker-registry docker.io git make procps prometheus python3-venv util-linux"

install_packages() {
  missing=
  for package in $PACKAGES; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  echo "==> installing Debian packages:$missing"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q
  # shellcheck disable=SC2086 # a list of words
  apt-get install -q -y --no-install-recommends $missing
}
