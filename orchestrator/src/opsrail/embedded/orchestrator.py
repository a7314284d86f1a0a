"""The orchestrator's replicas on one listening socket. Called by `supervisor.py`."""

import asyncio
import os
import socket
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta

from opsrail.embedded.child import Child, Launch
from opsrail.embedded.folder import DataFolder
from opsrail.tls import tls_from_environment

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
        self.tls = tls_from_environment()
        self._socket = listen(host, port)
        self._gate = Gate()
        self.host, self.port = host, int(self._socket.getsockname()[1])
        self.children = [self._replica(f"orchestrator-{number}", changed) for number in range(replicas)]

    @property
    def reachable_host(self) -> str:
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)

    @property
    def url(self) -> str:
        host = self.reachable_host
        scheme = "https" if self.tls.server_cert else "http"
        return f"{scheme}://[{host}]:{self.port}" if ":" in host else f"{scheme}://{host}:{self.port}"

    def load(self, environment: Mapping[str, str]) -> None:
        """Start the replicas as far as they go without touching the database; `begin` lets them go on."""
        self._environment = environment
        for child in self.children:
            child.spawn()

    async def begin(self) -> None:
        """Return once each replica accepts requests; see `Child.wait_running` for failures."""
        self._gate.open()
        await asyncio.gather(*(child.wait_running() for child in self.children))

    async def stop(self, *, force: bool = False) -> None:
        await asyncio.gather(*(child.stop(force=force) for child in self.children))
        self._socket.close()
        self._gate.close()

    def _replica(self, name: str, changed: Callable[[Child], None]) -> Child:
        announcement = Announcement()

        async def launch() -> Launch:
            descriptors = (self._socket.fileno(), announcement.open(), self._gate.fileno())
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
    """A pipe on which processes wait: reading it ends once it is open, and from then on at once."""

    def __init__(self) -> None:
        self._reading, self._writing = os.pipe()
        self._open = False

    def fileno(self) -> int:
        return self._reading

    def open(self) -> None:
        if not self._open:
            os.close(self._writing)
            self._open = True

    def close(self) -> None:
        self.open()
        os.close(self._reading)


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
