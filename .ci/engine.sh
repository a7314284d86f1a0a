# A Docker engine for the tests. Sourced by `run`; sets DOCKER_HOST where it starts one.
#
# No iptables rules: dockerd would set the FORWARD policy to DROP and leave it so. overlay2 where the disk
# allows it, else vfs.

engine_pid=
made_bridge=

engine_answers() {
  docker version --format '{{.Server.Version}}' >/dev/null 2>&1
}

start_engine() {
  if engine_answers; then
    echo "==> Docker engine: the one that is running"
    return 0
  fi
  folder=$1/docker
  mkdir -p "$folder"
  export DOCKER_HOST="unix://$folder/docker.sock"
  ip link show docker0 >/dev/null 2>&1 || made_bridge=yes
  for driver in overlay2 vfs; do
    dockerd --host "$DOCKER_HOST" --data-root "$folder/data" --exec-root "$folder/exec" \
      --pidfile "$folder/docker.pid" --storage-driver "$driver" --iptables=false --ip-forward=false \
      >"$folder/dockerd.log" 2>&1 &
    engine_pid=$!
    for _ in $(seq 150); do
      if engine_answers; then
        echo "==> Docker engine: started ($driver)"
        return 0
      fi
      kill -0 "$engine_pid" 2>/dev/null || break
      sleep 0.2
    done
    stop_engine
  done
  echo "the Docker engine did not start:" >&2
  tail -20 "$folder/dockerd.log" >&2
  return 1
}

stop_engine() {
  [ -n "$engine_pid" ] || return 0
  kill "$engine_pid" 2>/dev/null || true
  wait "$engine_pid" 2>/dev/null || true
  engine_pid=
  [ -z "$made_bridge" ] || ip link delete docker0 2>/dev/null || true
}
