"""The data folder: one owner at a time, stable ports, generated secrets, a record of who runs in it.

`servers.py` opens it; `child.py` records processes in it. Secrets and records are files of mode 0600.
"""

import contextlib
import fcntl
import json
import os
import secrets
from pathlib import Path
from typing import Any

import psutil
import structlog

from opsrail.embedded.ports import free_port, is_free

log = structlog.get_logger()

CLOCK_TOLERANCE_SECONDS = 2.0
ORPHAN_GRACE_SECONDS = 5.0


class FolderInUseError(RuntimeError):
    """Another supervisor holds the data folder."""


class FolderDamagedError(OSError):
    """A file of the data folder is not as we wrote it."""


class DataFolder:
    """A data folder held by this process from `open` to `close`."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self._lock: int | None = None

    def open(self) -> None:
        """Lock the folder, then end what a killed supervisor left running in it; again changes nothing.

        Raises:
            FolderInUseError: another process holds it; the message names its pid.
            FolderDamagedError: the record of what runs in it cannot be read.
        """
        if self._lock is not None:
            return
        self.path.mkdir(parents=True, exist_ok=True)
        self.path.chmod(0o700)
        self.logs.mkdir(exist_ok=True)
        lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(lock, 32, 0).decode().strip() or "unknown"
            os.close(lock)
            message = f"the data folder {self.path} is in use by process {holder}; stop it, or choose another"
            raise FolderInUseError(message) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        self._lock = lock
        self._end_orphans()

    def close(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    def secret(self, name: str) -> str:
        """The generated secret called `name`, the same for the life of the folder."""
        known = self._read("secrets.json")
        if name not in known:
            known[name] = secrets.token_urlsafe(24)
            self._write("secrets.json", known)
        return str(known[name])

    def port(self, name: str) -> int:
        """A loopback port for `name`: the one it had before when that is free, else a new one."""
        known = self._read("ports.json")
        port = known.get(name)
        if port is None or not is_free(port):
            port = free_port(avoid=set(known.values()))
            self._write("ports.json", known | {name: port})
        return int(port)

    def remember(self, name: str, pid: int, command: str) -> None:
        """Record a process and a word of its command line, for a later life to recognise an orphan by."""
        try:
            started = psutil.Process(pid).create_time()
        except psutil.NoSuchProcess:
            return  # it has ended already
        entry = {"pid": pid, "started": started, "command": command}
        self._write("processes.json", self._read("processes.json") | {name: entry})

    def forget(self, name: str) -> None:
        known = self._read("processes.json")
        if known.pop(name, None):
            self._write("processes.json", known)

    def write_private(self, name: str, text: str) -> Path:
        """Replace the file `name` whole, readable by its owner alone, durable once this returns."""
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = target.with_name(target.name + ".new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(target)
        return target

    def _read(self, name: str) -> dict[str, Any]:
        try:
            known = json.loads((self.path / name).read_text())
        except FileNotFoundError:
            return {}
        except ValueError:
            known = None
        if not isinstance(known, dict):
            raise FolderDamagedError(f"{self.path / name} is damaged; restore it, or choose another data folder")
        return known

    def _write(self, name: str, value: dict[str, Any]) -> None:
        self.write_private(name, json.dumps(value, indent=2) + "\n")

    def _end_orphans(self) -> None:
        orphans = [(name, found) for name, entry in self._read("processes.json").items() if (found := _alive(entry))]
        for name, process in orphans:
            log.warning("orphan_found", part=name, pid=process.pid)
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
        _gone, stubborn = psutil.wait_procs([process for _, process in orphans], timeout=ORPHAN_GRACE_SECONDS)
        for process in stubborn:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(stubborn, timeout=ORPHAN_GRACE_SECONDS)
        self._write("processes.json", {})


def _alive(entry: dict[str, Any]) -> psutil.Process | None:
    """The recorded process, unless its pid now belongs to another."""
    try:
        process = psutil.Process(entry["pid"])
        same = abs(process.create_time() - entry["started"]) < CLOCK_TOLERANCE_SECONDS
        if same and process.status() != psutil.STATUS_ZOMBIE and entry["command"] in process.cmdline():
            return process
    except psutil.NoSuchProcess:
        return None
    return None
