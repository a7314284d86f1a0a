"""One supervised process: started on a leash, watched, restarted with back-off, ended in order.

`servers.py`, `supervisor.py` and `agent_host.py` build the stack of these.
"""

import asyncio
import contextlib
import os
import random
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

import structlog

from opsrail.embedded.folder import DataFolder
from opsrail_sdk.tasks import set_within

log = structlog.get_logger()

LEASH = Path(__file__).with_name("leash.py")
FIRST_BACK_OFF = timedelta(milliseconds=100)
LONGEST_BACK_OFF = timedelta(seconds=30)
SETTLED_AFTER = timedelta(seconds=30)
LOG_TAIL_LINES = 15


class State(StrEnum):
    STARTING = "starting"
    RUNNING = "running"
    BACKING_OFF = "backing off"
    STOPPING = "stopping"
    STOPPED = "stopped"


class StartFailedError(RuntimeError):
    """A process could not be brought up; the message holds the end of its log."""


@dataclass(frozen=True, kw_only=True)
class Launch:
    """How to start a process, decided anew for each start.

    `user` is (uid, gid) to become, where this process is root. `death_signal` is what it gets when the
    supervisor is killed. `env` replaces the whole environment.
    """

    argv: Sequence[str]
    env: Mapping[str, str] | None = None
    pass_fds: tuple[int, ...] = ()
    user: tuple[int, int] | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGTERM


async def _no_check() -> None:
    return None


class Child:
    """A process kept alive until `stop`.

    Args:
        launch: decides the command before each start.
        ready: returns once the started process serves; it is cancelled when the process dies first.
        changed: called after each change of `state`.
        patience: how long a start may take before it counts as failed.
        grace: how long `stop` waits before it kills.
    """

    def __init__(
        self,
        name: str,
        launch: Callable[[], Awaitable[Launch]],
        folder: DataFolder,
        *,
        ready: Callable[[], Awaitable[None]] = _no_check,
        changed: Callable[["Child"], None] = lambda _child: None,
        patience: timedelta = timedelta(seconds=60),
        grace: timedelta = timedelta(seconds=10),
    ) -> None:
        self.name = name
        self.state = State.STOPPED
        self.since = datetime.now(UTC)
        self.restarts = 0
        self.problem: str | None = None
        self._launch, self._ready, self._folder, self._changed = launch, ready, folder, changed
        self._patience, self._grace = patience, grace
        self._process: asyncio.subprocess.Process | None = None
        self._stop_signal = signal.SIGTERM
        self._keeper: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._transition = asyncio.Condition()
        self._failures = 0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.returncode is None else None

    @property
    def log_path(self) -> Path:
        return self._folder.logs / f"{self.name}.log"

    def spawn(self) -> None:
        """Begin keeping the process alive; `wait_running` tells when it serves."""
        self._stopping.clear()
        self._failures = 0
        self._keeper = asyncio.create_task(self._keep(), name=f"keep {self.name}")

    async def wait_running(self, attempts: int = 1) -> None:
        """Return once the process serves.

        Raises:
            StartFailedError: `attempts` starts in a row failed. It is still being retried: stop it, or wait.
        """
        async with self._transition:
            await self._transition.wait_for(lambda: self.state is State.RUNNING or self._failures >= attempts)
        if self.state is not State.RUNNING:
            raise StartFailedError(self.problem)

    async def stop(self, *, force: bool = False) -> None:
        """End the process: its stop signal and a wait for `grace`, or at once with `force`."""
        self._stopping.set()
        process = self._process
        if process is not None and process.returncode is None:
            await self._enter(State.STOPPING)
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL if force else self._stop_signal)
            try:
                async with asyncio.timeout(self._grace.total_seconds()):
                    await process.wait()
            except TimeoutError:
                log.warning("part_killed", part=self.name, waited_seconds=self._grace.total_seconds())
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
        if self._keeper is not None:
            await self._keeper
            self._keeper = None
        await self._enter(State.STOPPED)

    async def restart(self) -> None:
        """Stop the process in order and start it again."""
        await self.stop()
        self.spawn()
        await self.wait_running()

    async def _keep(self) -> None:
        while not self._stopping.is_set():
            await self._enter(State.STARTING)
            started = datetime.now(UTC)
            try:
                process = await self._start()
            except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, whatever it is
                self.problem = str(error) or repr(error)
                self._failures += 1
            else:
                self._failures = 0
                if not self._stopping.is_set():
                    await self._enter(State.RUNNING)
                code = await process.wait()
                self.problem = f"{self.name} ended with {_outcome(code)}"
                if datetime.now(UTC) - started > SETTLED_AFTER:
                    self.restarts = 0
            self._clear_up()
            if not self._stopping.is_set():
                await self._back_off()

    async def _start(self) -> asyncio.subprocess.Process:
        """Launch and wait until it serves; what does not serve is killed before this raises."""
        launch = await self._launch()
        self._stop_signal = launch.stop_signal
        user = "{}:{}".format(*launch.user) if launch.user else "-"
        leash = (sys.executable, "-I", "-S", str(LEASH), str(os.getpid()), str(int(launch.death_signal)), user)
        with self.log_path.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *leash,
                *launch.argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=launch.env,
                pass_fds=launch.pass_fds,
                start_new_session=True,
            )
        self._process = process
        self._folder.remember(self.name, process.pid, launch.argv[0])
        if self._stopping.is_set():
            process.kill()  # whoever asked found no process to signal
        ready = asyncio.ensure_future(self._ready())
        ended = asyncio.ensure_future(process.wait())
        try:
            await asyncio.wait(
                {ready, ended}, timeout=self._patience.total_seconds(), return_when=asyncio.FIRST_COMPLETED
            )
            if ready.done() and not ended.done():
                await ready
                return process
            reason = f"ended with {_outcome(ended.result())}" if ended.done() else "did not become ready in time"
            raise StartFailedError(f"{self.name} {reason}; the end of {self.log_path}:\n{self._tail()}")
        finally:
            for task in (ready, ended):
                task.cancel()
            if process.returncode is None and not (ready.done() and not ready.cancelled() and not ready.exception()):
                process.kill()
                await process.wait()

    async def _back_off(self) -> None:
        self.restarts += 1
        await self._enter(State.BACKING_OFF)
        delay = min(FIRST_BACK_OFF * 2 ** min(self.restarts - 1, 16), LONGEST_BACK_OFF) * random.uniform(0.8, 1.2)  # noqa: S311
        log.warning("part_restarting", part=self.name, problem=self.problem, delay_seconds=delay.total_seconds())
        await set_within(delay, self._stopping)

    def _clear_up(self) -> None:
        """End whatever the process left in its process group, and forget it."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(OSError):  # a full disk; the record of a process that is no more misleads nobody
            self._folder.forget(self.name)

    async def _enter(self, state: State) -> None:
        if state is not self.state:
            self.state = state
            self.since = datetime.now(UTC)
            self._changed(self)
        async with self._transition:
            self._transition.notify_all()

    def _tail(self) -> str:
        lines = self.log_path.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        return "\n".join("  " + line for line in lines)


def _outcome(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
