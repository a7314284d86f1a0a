"""Pytest plugin: one real PostgreSQL, Valkey and nats-server for the session (per xdist worker).

Loaded by the root `conftest.py` for every component's tests. Use `endpoints` for addresses, `servers` to stop,
kill or restart one of them, `admin_url` for PostgreSQL's superuser.
"""

import asyncio
import os
import tempfile
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from opsrail.embedded.addresses import Endpoints, External
from opsrail.embedded.servers import Servers

T = TypeVar("T")
CALL_TIMEOUT_SECONDS = 240
"""Less than pytest's own limit, for three servers that start one after the other on a busy machine."""


class RunningServers:
    """The session's servers, usable from tests of any event loop.

    They live in a thread of their own: a test's loop may end, the servers stay.
    """

    def __init__(self, data: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="servers", daemon=True)
        self._thread.start()
        self.servers = Servers(data, external=External())
        self.endpoints: Endpoints = self._call(self.servers.start())

    @property
    def admin_url(self) -> str:
        return self.servers.admin_url

    def pids(self) -> dict[str, int]:
        return self.servers.pids()

    def stop(self, name: str) -> None:
        """Stop one server (`postgres`, `valkey`, `nats`) in order; `start` brings it back."""
        self._call(self.servers.children[name].stop())

    def start(self, name: str) -> None:
        async def bring_back() -> None:
            self.servers.children[name].spawn()
            await self.servers.children[name].wait_running()

        self._call(bring_back())

    def close(self) -> None:
        self._call(self.servers.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(CALL_TIMEOUT_SECONDS)


@pytest.fixture(scope="session")
def servers() -> Iterator[RunningServers]:
    """The session's embedded servers. Their folder is short-named, so that PostgreSQL's socket path fits."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    with tempfile.TemporaryDirectory(prefix=f"opsrail-{worker}-") as data:
        running = RunningServers(Path(data))
        yield running
        running.close()


@pytest.fixture(scope="session")
def endpoints(servers: RunningServers) -> Endpoints:
    return servers.endpoints


@pytest.fixture(scope="session")
def admin_url(servers: RunningServers) -> str:
    """SQLAlchemy address of the superuser on the database `postgres`, for tests that make databases."""
    return servers.admin_url
