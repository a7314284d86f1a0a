"""The table that `opsrail up` shows on a terminal. Chosen by `status.py`, which does without rich elsewhere."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import psutil
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from opsrail.embedded.child import Child, State
from opsrail.embedded.status import PlainStatus
from opsrail.embedded.supervisor import Supervisor
from opsrail_sdk.tasks import set_within

REFRESH = timedelta(seconds=2)
COLOURS = {State.RUNNING: "green", State.BACKING_OFF: "red", State.STOPPED: "dim"}


class LiveStatus(PlainStatus):
    """A table of the parts that keeps itself current."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._live = Live(console=self._console, auto_refresh=False, redirect_stdout=False)
        self._news = asyncio.Event()

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def say(self, text: str) -> None:
        with contextlib.suppress(OSError):  # the terminal is gone, the stack need not be
            self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def changed(self, child: Child) -> None:
        self._news.set()

    async def follow(self, stack: Supervisor) -> None:
        while True:
            self._live.update(picture(stack), refresh=True)
            self._news.clear()
            await set_within(REFRESH, self._news)


def picture(stack: Supervisor) -> Group:
    """The parts with state, age, memory and restarts; above them where to go."""
    table = Table(box=None, pad_edge=False)
    for title in ("part", "state", "since", "memory", "restarts", "log"):
        table.add_column(title, justify="right" if title in {"memory", "restarts"} else "left")
    memory = memory_by_root({child.pid for child in stack.children if child.pid})
    now = datetime.now(UTC)
    for child in stack.children:
        table.add_row(
            child.name,
            Text(child.state, style=COLOURS.get(child.state, "yellow")),
            _age(now - child.since),
            f"{memory.get(child.pid or 0, 0) / 1e6:.0f} MB",
            str(child.restarts or ""),
            str(child.log_path),
        )
    where = f"{stack.url or 'starting'}   admin token: {stack.token_path}"
    return Group(
        Text("Opsrail", style="bold"), Text(where, overflow="fold"), table, Text("Ctrl-C stops", style="dim")
    )


def memory_by_root(roots: set[int]) -> dict[int, int]:
    """Resident bytes of each root process with all below it. Pages that they share count for each."""
    parents: dict[int, int | None] = {}
    resident: dict[int, int] = {}
    for process in psutil.Process().children(recursive=True):
        try:
            parents[process.pid], resident[process.pid] = process.ppid(), process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    total = dict.fromkeys(roots, 0)
    for pid, size in resident.items():
        above: int | None = pid
        while above is not None and above not in roots:
            above = parents.get(above)
        if above is not None:
            total[above] += size
    return total


def _age(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
