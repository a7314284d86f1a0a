"""What no start waits for, but the first run would: loaded once the process has served for a moment.

Run by ``app``. Whoever needs it sooner loads it himself, as every module that uses one of these does.
"""

import asyncio
from datetime import timedelta
from importlib import import_module

PAUSE = timedelta(seconds=10)
"""By then the agents of a stack that starts have had the processors to themselves."""
MODULES = ("cedarpy", "jsonschema", "jwt")


async def load() -> None:
    """Import them, one after the other, beside the event loop."""
    await asyncio.sleep(PAUSE.total_seconds())
    for name in MODULES:
        await asyncio.to_thread(import_module, name)
