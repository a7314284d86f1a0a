"""The orchestrator's replicas on one listening socket. Called by `supervisor.py`."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from opsrail.embedded.child import Child, Launch
from opsrail.embedded.folder import DataFolder

if TYPE_CHECKING:
    from opsrail.tls import TlsSettings

DEFAULT_APP = "opsrail.app:create_app"
BACKLOG = 2048
GRACE = timedelta(seconds=12)


class Orchestrator:
    """Replicas of the orchestrator that share one port.

    Raises on construction:
        OSError: the address is taken or not ours.
    """

    def __init__(
        self,
        folder: DataFolder,
        *,
        host: str,
        port: int,
        replicas: int,
        changed: Callable[[Child], None],
        app: str = DEFAULT_APP,
    ) -> None:
        self._folder = folder
        self._app = app
        self._environment: Mapping[str, str] = {}
        self._socket = listen(host, port)
        self._gates = [Gate() for _ in range(replicas)]
        self.host, self.port = host, int(self._socket.getsockname()[1])
        self.children = [
            self._replica(f"orchestrator-{number}", gate, changed) for number, gate in enumerate(self._gates)
        ]

    @cached_property
    def tls(self) -> "TlsSettings":
        """How the API is served.

        Raises:
            ValueError: the files do not fit together, or one is missing.
        """
        from opsrail.tls import tls_from_environment  # noqa: PLC0415 - slow to import, and the processes load first

        return tls_from_environment()

    @property
    def reachable_host(self) -> str:
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)

    @property
    def url(self) -> str:
        host = self.reachable_host
        scheme = "https" if self.tls.server_cert else "http"
        return f"{scheme}://[{host}]:{self.port}" if ":" in host else f"{scheme}://{host}:{self.port}"

    def load(self, environment: Mapping[str, str]) -> None:
        """Start the replicas as far as they go without any server; `begin` lets them go on."""
        self._environment = environment
        for child in self.children:
            child.spawn()

    async def begin(self, environment: Mapping[str, str]) -> None:
        """Return once each replica accepts requests; see `Child.wait_running` for failures.

        Args:
            environment: what the processes need besides, now and after each restart.
        """
        for gate in self._gates:
            gate.open(environment)
        await asyncio.gather(*(child.wait_running() for child in self.children))

    async def stop(self, *, force: bool = False) -> None:
        await asyncio.gather(*(child.stop(force=force) for child in self.children))
        self._socket.close()
        for gate in self._gates:
            gate.close()

    def _replica(self, name: str, gate: "Gate", changed: Callable[[Child], None]) -> Child:
        announcement = Announcement()

        async def launch() -> Launch:
            descriptors = (self._socket.fileno(), announcement.open(), gate.fresh())
            return Launch(
                argv=[sys.executable, "-m", "opsrail.embedded.serve", *map(str, descriptors), self._app],
                env=self._environment,
                pass_fds=descriptors,
            )

        return Child(name, launch, self._folder, ready=announcement.heard, changed=changed, grace=GRACE)


class Announcement:
    """A pipe on which a started process says that it serves."""

    def __init__(self) -> None:
        self._reading: int | None = None
        self._writing: int | None = None

    def open(self) -> int:
        """A fresh pipe; returns the end for the process."""
        self._close()
        self._reading, self._writing = os.pipe()
        return self._writing

    async def heard(self) -> None:
        """Return once the process has written; never when it ends without."""
        assert self._reading is not None
        loop, spoke = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._reading, spoke.set)
        try:
            await spoke.wait()
        finally:
            loop.remove_reader(self._reading)
            self._close()

    def _close(self) -> None:
        for end in (self._reading, self._writing):
            if end is not None:
                os.close(end)
        self._reading = self._writing = None


class Gate:
    """A pipe on which a process waits to be told the last part of its environment.

    It is not known when the process starts, and it holds passwords, which on a pipe nobody else sees. A process that
    starts after the gate was opened, because its forerunner died, is told at once.
    """

    def __init__(self) -> None:
        self._reading: int | None = None
        self._writing: int | None = None
        self._word: bytes | None = None

    def fresh(self) -> int:
        """A pipe for the next process; returns the end for it."""
        self.close()
        self._reading, self._writing = os.pipe()
        self._tell()
        return self._reading

    def open(self, environment: Mapping[str, str]) -> None:
        self._word = json.dumps(dict(environment)).encode()
        self._tell()

    def close(self) -> None:
        """Let go of the pipe: a process that still waits on it ends."""
        for end in (self._reading, self._writing):
            if end is not None:
                os.close(end)
        self._reading = self._writing = None

    def _tell(self) -> None:
        if self._word is not None and self._writing is not None:
            os.write(self._writing, self._word)
            os.close(self._writing)
            self._writing = None


def listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket.

    Raises:
        OSError: with the address in its message.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise OSError(error.errno, f"cannot listen on {host}:{port}: {error.strerror}") from error
