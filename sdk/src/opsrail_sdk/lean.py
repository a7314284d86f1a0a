"""Imports without what they bring along for its own sake. Used once, when ``opsrail_sdk`` is imported.

nats-py imports aiohttp wherever it is installed, for NATS over WebSockets, and structlog imports rich, for coloured
tracebacks. Neither is used here, and together they are a third of the CPU that the start of an agent costs.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without(*extras: str) -> Iterator[None]:
    """Within the block ``import`` finds none of these optional packages, unless they are imported already."""
    hidden = [name for name in extras if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None is how Python marks a name as absent
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


def websockets_wanted() -> bool:
    """Whether the bus is to be reached by ``ws://`` or ``wss://``, for which nats-py needs aiohttp."""
    return any(
        url.strip().startswith(("ws://", "wss://")) for url in os.environ.get("OPSRAIL_NATS_URL", "").split(",")
    )
