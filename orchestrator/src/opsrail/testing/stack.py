"""Pytest plugin: the whole product, started as people start it (``opsrail up``), for end-to-end and fault tests.

``stack`` is one per session and worker; ``new_stack`` makes further ones that a test may break.
"""

import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import httpx
import psutil
import pytest

PATIENCE_SECONDS = 120.0
"""Longest wait for what must happen. It costs nothing where all is well; a busy machine may stall for seconds."""
UNHURRIED = {"OPSRAIL_NATS_TIMEOUT": "PT20S", "OPSRAIL_DATABASE_CONNECT_TIMEOUT": "PT20S"}
"""A server that answers late, as on a busy machine, is no reason for a 503 here."""


class Stack:
    """A running ``opsrail up`` and an administrator's client of it."""

    def __init__(self, data: Path, *arguments: str, port: int = 0) -> None:
        self.data = data
        self._arguments = arguments
        self._port = port
        self.url = ""
        self.token = ""
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> Self:
        """Start and wait for ``ready``."""
        own = {"OPSRAIL_DATA": str(self.data), "OPSRAIL_PORT": str(self._port)}
        environment = {**UNHURRIED, **os.environ, **own}
        self.data.mkdir(parents=True, exist_ok=True)
        with (self.data / "up.stderr").open("a") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "opsrail", "up", *self._arguments],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                start_new_session=True,
            )
        lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=_pump, args=(self._process, lines), daemon=True).start()
        give_up = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                line = lines.get(timeout=max(0.1, give_up - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                self.kill()
                raise AssertionError(f"the stack did not start:\n{(self.data / 'up.stderr').read_text()[-4000:]}")
            if line.startswith("ready "):
                self.url = line.split()[1]
                break
        self.token = (self.data / "admin.token").read_text().strip()
        return self

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def stop(self) -> int:
        """Ask it to stop and wait; its exit status."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(PATIENCE_SECONDS)

    def kill(self) -> None:
        """kill -9 of the supervisor, as a crash would."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(PATIENCE_SECONDS)

    def processes(self) -> dict[int, list[str]]:
        """Command lines of the supervisor's descendants, by pid."""
        found: dict[int, list[str]] = {}
        for child in psutil.Process(self.pid).children(recursive=True):
            try:
                found[child.pid] = child.cmdline()
            except psutil.NoSuchProcess:
                continue
        return found

    def client(self, timeout: float = PATIENCE_SECONDS) -> httpx.Client:
        """A client with the administrator's token."""
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {self.token}"}, timeout=timeout)

    def wait_agents(self, *agents: str, state: str = "enabled") -> None:
        """Return once these agents are in ``state``."""
        with self.client() as client:

            def reached() -> bool:
                items = client.get("/v1/agents", params={"limit": 100}).json()["items"]
                states = {item["id"]: item["state"] for item in items}
                return all(states.get(agent) == state for agent in agents)

            wait_until(reached, what=f"{agents} {state}")

    def cli(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run ``opsrail`` against this stack."""
        environment = {
            **os.environ,
            "OPSRAIL_URL": self.url,
            "OPSRAIL_TOKEN": self.token,
            "OPSRAIL_DATA": str(self.data),
        }
        return subprocess.run(
            [sys.executable, "-m", "opsrail", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            **{"timeout": 2 * PATIENCE_SECONDS, **options},
        )


def _pump(process: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    assert process.stdout is not None
    with process.stdout as stdout:
        for line in stdout:
            lines.put(line)
    lines.put(None)


def wait_until(condition: Callable[[], bool], *, what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Poll until ``condition`` holds; transport errors count as not yet.

    Raises:
        AssertionError: it never did within ``seconds``.
    """
    give_up = time.monotonic() + seconds
    while True:
        last = time.monotonic() >= give_up
        try:
            if condition():
                return
        except httpx.TransportError:
            pass
        if last:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole product with its six agents, shared by the session's tests."""
    running = Stack(tmp_path_factory.mktemp("stack")).start()
    yield running
    running.stop()


@pytest.fixture
def new_stack(tmp_path: Path) -> Iterator[Callable[..., Stack]]:
    """Makes stacks that a test may break; whatever is left of them is ended."""
    made: list[Stack] = []

    def make(*arguments: str, data: Path | None = None, port: int = 0) -> Stack:
        made.append(Stack(data or tmp_path / f"stack{len(made)}", *arguments, port=port))
        return made[-1]

    yield make
    for each in made:
        each.kill()
