"""Ending tasks, and waiting, for certain. Used wherever something is cancelled that waits for a server's answer.

`asyncio.wait_for` before Python 3.12 swallows a cancellation that falls together with the answer, and nats-py waits
with it everywhere: what was cancelled once may go on for ever.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from datetime import timedelta
from typing import Any, TypeVar

CANCEL_AGAIN = timedelta(seconds=2)
"""Long enough for a task to clear up after the first."""

T = TypeVar("T")


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel until all are done. What they raised meanwhile is of no account."""
    while running := {task for task in tasks if not task.done()}:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=CANCEL_AGAIN.total_seconds())
    await asyncio.gather(*tasks, return_exceptions=True)


async def set_within(limit: timedelta, event: asyncio.Event) -> bool:
    """Wait for the event, no longer than that; whether it is set."""
    with suppress(TimeoutError):
        async with asyncio.timeout(limit.total_seconds()):
            await event.wait()
    return event.is_set()


async def within(limit: timedelta, work: Coroutine[Any, Any, T]) -> T:
    """Its result.

    Raises:
        TimeoutError: it took longer, and was ended.
    """
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({task}, timeout=limit.total_seconds())
    finally:
        await end(task)
    if task.cancelled():
        raise TimeoutError
    return task.result()
