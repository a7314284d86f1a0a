"""Takes turns at starting: no more processes at once than there are processors. Used by `agent_host.py`.

A start is all computing. More of them at once end no sooner, and the orchestrator, which has the longest start and is
waited for, would get a small share.
"""

import asyncio
import os
from collections.abc import Callable
from datetime import timedelta

LONGEST = timedelta(seconds=3)
"""A start that takes longer does not keep the others waiting."""


class Turns:
    """At most `at_once` turns are held."""

    def __init__(self, at_once: int | None = None) -> None:
        self._free = asyncio.Semaphore(at_once or os.cpu_count() or 1)

    async def take(self) -> Callable[[], None]:
        """Wait for a turn; returns what gives it back, which also happens by itself after `LONGEST`."""
        await self._free.acquire()
        held = True

        def give_back() -> None:
            nonlocal held
            if held:
                held = False
                by_itself.cancel()
                self._free.release()

        by_itself = asyncio.get_running_loop().call_later(LONGEST.total_seconds(), give_back)
        return give_back
