"""A run's log on its way to the bus: lines gathered for at most 100 ms or 32 KB, memory bounded."""

import asyncio
import uuid
from collections import deque
from datetime import datetime, timedelta
from typing import Literal, Protocol

import structlog

from opsrail_sdk.bus import Bus
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.run import LogLine, RunLog
from opsrail_sdk.errors import Unavailable
from opsrail_sdk.masking import Masker
from opsrail_sdk.tasks import set_within

LONGEST_LINE = 16 * 1024
"""Characters; what is beyond is cut off with a note."""
BATCH = 32 * 1024
GATHER = timedelta(milliseconds=100)
MOST_HELD = 8 * 1024 * 1024
"""Characters held while the bus is away; lines beyond are counted and left out."""

Stream = Literal["stdout", "stderr", "system"]
log: structlog.stdlib.BoundLogger = structlog.get_logger()


class Clock(Protocol):
    def __call__(self) -> datetime: ...


class RunLogger:
    """Lines of one attempt, numbered from 1. ``add`` never blocks; ``close`` sends the rest."""

    def __init__(
        self, bus: Bus, *, org_id: str, agent_id: str, run_id: str, attempt: int, masker: Masker, clock: Clock
    ) -> None:
        self._bus = bus
        self._org_id = org_id
        self._agent_id = agent_id
        self._run_id = run_id
        self._attempt = attempt
        self._masker = masker
        self._clock = clock
        self._voice = uuid.uuid4().hex
        """Begins our message ids: whoever guessed them could have our lines taken for repeated ones."""
        self._lines: deque[LogLine] = deque()
        self._held = 0
        self._count = 0
        self._left_out = 0
        self._closing = False
        self._wanted = asyncio.Event()
        self._full = asyncio.Event()
        self._sender = asyncio.create_task(self._send_all())

    def add(self, text: str, *, stream: Stream = "stdout", step: str | None = None) -> None:
        for line in self._masker.text(text).splitlines() or [""]:
            self._add_one(line, stream, step)

    async def close(self, patience: timedelta = timedelta(minutes=1)) -> None:
        """Send what is held. What the bus does not take within ``patience`` is given up."""
        self._closing = True
        self._wanted.set()
        self._full.set()
        try:
            async with asyncio.timeout(patience.total_seconds()):
                await asyncio.shield(self._sender)
        except TimeoutError:
            log.warning("log_lines_lost", run_id=self._run_id, lines=len(self._lines))
        finally:
            self._sender.cancel()

    def _add_one(self, line: str, stream: Stream, step: str | None) -> None:
        if self._held >= MOST_HELD:
            self._left_out += 1
            return
        if self._left_out:
            note, self._left_out = f"({self._left_out} lines left out: the bus was away)", 0
            self._append(note, "system", None)
        if len(line) > LONGEST_LINE:
            line = f"{line[:LONGEST_LINE]} … ({len(line) - LONGEST_LINE} characters cut off)"
        self._append(line, stream, step)

    def _append(self, line: str, stream: Stream, step: str | None) -> None:
        self._count += 1
        self._held += len(line)
        self._lines.append(LogLine(n=self._count, at=self._clock(), stream=stream, text=line, step=step))
        self._wanted.set()
        if self._held >= BATCH:
            self._full.set()

    async def _send_all(self) -> None:
        while True:
            await self._wanted.wait()
            if not self._closing:
                await set_within(GATHER, self._full)
            self._wanted.clear()
            self._full.clear()
            while self._lines:
                await self._send(self._take())
            if self._closing:
                return

    def _take(self) -> tuple[LogLine, ...]:
        batch: list[LogLine] = []
        size = 0
        while self._lines and size < BATCH:
            line = self._lines.popleft()
            size += len(line.text)
            batch.append(line)
        return tuple(batch)

    async def _send(self, lines: tuple[LogLine, ...]) -> None:
        message = RunLog(run_id=self._run_id, org_id=self._org_id, attempt=self._attempt, lines=lines)
        body = message.encode()
        while True:
            try:
                await self._bus.publish(
                    subjects.run_log(self._org_id, self._agent_id, self._run_id),
                    body,
                    message_id=f"{self._voice}:{lines[0].n}",
                    patience=timedelta(seconds=30),
                )
            except Unavailable as error:
                log.warning("log_lines_wait", run_id=self._run_id, error=str(error))
                continue
            self._held -= sum(len(line.text) for line in lines)
            return
