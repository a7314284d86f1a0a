"""Keeps the loops running: a loop that falls over is logged and started again with back-off. Called by ``app``."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

import structlog
from prometheus_client import Counter

from opsrail_sdk.tasks import end, set_within

log = structlog.get_logger()

FAILURES = Counter("opsrail_worker_failures_total", "Times a background loop fell over", ["worker"])
_FIRST_WAIT = timedelta(milliseconds=200)
_LONGEST_WAIT = timedelta(seconds=10)


class Worker(Protocol):
    """A loop that returns soon after ``stop`` is set, having finished what it had begun."""

    name: str

    async def run(self, stop: asyncio.Event) -> None: ...


class Workers:
    """The loops of one process."""

    def __init__(self, workers: Sequence[Worker]) -> None:
        self._workers = workers
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._keep(worker), name=worker.name) for worker in self._workers]

    async def stop(self, grace: float = 10.0) -> None:
        """Ask all to end; cancel those that have not after ``grace`` seconds."""
        self._stop.set()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=grace)
            for task in late:
                log.warning("worker.late", worker=task.get_name())
            await end(*late)

    async def _keep(self, worker: Worker) -> None:
        wait = _FIRST_WAIT
        while not self._stop.is_set():
            began = asyncio.get_running_loop().time()
            try:
                await worker.run(self._stop)
            except Exception:
                FAILURES.labels(worker.name).inc()
                log.exception("worker.failed", worker=worker.name, again_in=wait.total_seconds())
            else:
                return
            if asyncio.get_running_loop().time() - began > _LONGEST_WAIT.total_seconds():
                wait = _FIRST_WAIT
            if not await set_within(wait, self._stop):
                wait = min(wait * 2, _LONGEST_WAIT)
