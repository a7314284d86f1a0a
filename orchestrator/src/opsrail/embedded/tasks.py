"""Ending tasks for certain. Used by `supervisor.py` and `agent_host.py`."""

import asyncio
from datetime import timedelta

CANCEL_AGAIN = timedelta(milliseconds=200)


async def end(task: asyncio.Task[None]) -> None:
    """Cancel until it holds: `asyncio.wait_for` before Python 3.12 can swallow a cancellation."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=CANCEL_AGAIN.total_seconds())
