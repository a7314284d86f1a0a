"""The loop of workers that take due rows in batches: announcer, canceller, dispatcher."""

import asyncio
from collections.abc import Awaitable, Callable

from opsrail.runs.service import QUEUE
from opsrail.stream.hints import Hints

POLL_SECONDS = 1.0
"""How long rows may go unnoticed where the hint about them was lost."""


async def rounds(
    hints: Hints, stop: asyncio.Event, take: Callable[[], Awaitable[int]], *, full: int, rest: float = 0.25
) -> None:
    """Call ``take`` until ``stop``: again at once after a full batch, else when a hint or the poll comes.

    Args:
        take: handles up to a batch and says how many there were.
        full: size of a whole batch.
        rest: seconds between two rounds, in which hints gather; the first hint after a quiet time waits for nobody.
    """
    with hints.listen(QUEUE) as work:
        while not stop.is_set():
            if await take() < full:
                await asyncio.sleep(rest)
                await work.wait(POLL_SECONDS)
