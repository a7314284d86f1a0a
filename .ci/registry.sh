# A container registry on loopback for the tests. Sourced by `run`; sets OPSRAIL_TEST_REGISTRY (HOST:PORT).

registry_pid=

start_registry() {
  if [ -n "${OPSRAIL_TEST_REGISTRY:-}" ]; then
    echo "==> registry: $OPSRAIL_TEST_REGISTRY"
    return 0
  fi
  folder=$1/registry
  mkdir -p "$folder/data"
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  cat >"$folder/config.yml" <<CONFIG
version: 0.1
log: { level: warn }
storage: { filesystem: { rootdirectory: $folder/data }, delete: { enabled: true } }
http: { addr: "127.0.0.1:$port" }
CONFIG
  docker-registry serve "$folder/config.yml" >"$folder/registry.log" 2>&1 &
  registry_pid=$!
  for _ in $(seq 100); do
    if python3 -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:$port/v2/')" 2>/dev/null; then
      export OPSRAIL_TEST_REGISTRY="127.0.0.1:$port"
      echo "==> registry: started on $OPSRAIL_TEST_REGISTRY"
      return 0
    fi
    sleep 0.1
  done
  echo "the registry did not start:" >&2
  tail -20 "$folder/registry.log" >&2
  return 1
}

stop_registry() {
  [ -n "$registry_pid" ] || return 0
  kill "$registry_pid" 2>/dev/null || true
  wait "$registry_pid" 2>/dev/null || true
  registry_pid=
}
