"""What a demonstration stands on: a running stack or a throwaway one, a narrator, and checks that can fail."""

import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.text import Text

from opsrail.cli.client import Client, address, data_folder

START_SECONDS = 120


class CheckFailed(Exception):
    """Something that the demonstration promised did not hold."""


@dataclass
class Narrator:
    """Tells people what happens, and remembers what was checked."""

    console: Console
    checked: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def tell(self, text: str) -> None:
        self.console.print(
            Text(f"{self.seconds:6.1f} s  ", style="dim").append(text, style="default"), soft_wrap=True
        )

    def quote(self, text: str) -> None:
        """Somebody else's words, such as a log line."""
        self.console.print(Text(f"          │ {text}", style="dim"), soft_wrap=True)

    def check(self, promise: str, holds: bool, found: object = "") -> None:
        """Remember a promise that holds.

        Raises:
            CheckFailed: it does not.
        """
        if not holds:
            raise CheckFailed(f"{promise}: it does not hold {f'({found})' if found != '' else ''}")
        self.checked.append(promise)
        self.console.print(Text("          ✓ ", style="green").append(promise, style="default"), soft_wrap=True)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began


@contextmanager
def stage(narrator: Narrator) -> Iterator[tuple[Client, Path]]:
    """A client of the running stack and its data folder, or of one that is started for the occasion and removed."""
    running = _running()
    if running is not None:
        narrator.tell(f"using the stack at {running.url}")
        yield running, data_folder()
        return
    with tempfile.TemporaryDirectory(prefix="opsrail-demo-") as folder:
        narrator.tell("no stack is running here: starting one for this demonstration")
        process, url = _start(Path(folder))
        try:
            narrator.tell(f"the stack is ready at {url}")
            yield Client(url, (Path(folder) / "admin.token").read_text().strip()), Path(folder)
        finally:
            process.terminate()
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _running() -> Client | None:
    try:
        answer = httpx.get(f"{address()}/readyz", timeout=2)
    except httpx.TransportError:
        return None
    return Client() if answer.status_code == httpx.codes.OK else None


def _start(folder: Path) -> tuple[subprocess.Popen[str], str]:
    log = (folder / "up.log").open("w")
    process = subprocess.Popen(
        [sys.executable, "-m", "opsrail", "up"],
        env={**os.environ, "OPSRAIL_DATA": str(folder), "OPSRAIL_PORT": "0"},
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        start_new_session=True,
    )
    heard: queue.Queue[str] = queue.Queue()

    def listen() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            heard.put(line)
        heard.put("")

    threading.Thread(target=listen, daemon=True).start()
    try:
        line = heard.get(timeout=START_SECONDS)
    except queue.Empty:
        line = ""
    if not line.startswith("ready "):
        process.kill()
        process.wait()
        raise CheckFailed(f"the stack did not start: {(folder / 'up.log').read_text()[-2000:]}")
    return process, line.split()[1]


def wait_agent(client: Client, agent: str, *, seconds: float = 60) -> dict[str, Any]:
    """The agent, once it is enabled and one of its instances is ready.

    Raises:
        CheckFailed: not within ``seconds``.
    """
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        for found in client.items("/agents", limit=500):
            if found["id"] == agent and found["state"] == "enabled" and found["instances"]:
                return found
        time.sleep(0.1)
    raise CheckFailed(f"the {agent} agent is not enabled; `opsrail agents list` says more")
