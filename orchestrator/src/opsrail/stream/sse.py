"""The form of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, Final

import orjson
from fastapi.responses import StreamingResponse

from opsrail_sdk.tasks import end

MEDIA_TYPE: Final = "text/event-stream"
HEARTBEAT_SECONDS = 15.0
HEARTBEAT: Final = b": still here\n\n"
RETRY_MILLISECONDS = 2000


def message(event: str, data: Any, *, id: str | None = None) -> bytes:
    """One message; ``data`` becomes one line of JSON, whatever text it holds."""
    head = f"id: {id}\nevent: {event}\ndata: " if id is not None else f"event: {event}\ndata: "
    return head.encode() + orjson.dumps(data) + b"\n\n"


def opening(id: str | None = None) -> bytes:
    """Sets the reconnection time, and a position for a client that loses us before its first message."""
    place = f"id: {id}\n" if id is not None else ""
    return f"{place}retry: {RETRY_MILLISECONDS}\n\n".encode()


def response(source: AsyncGenerator[bytes]) -> StreamingResponse:
    """An answer that proxies pass on as it comes, and that shows every 15 s that it lives."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(with_heartbeat(source), media_type=MEDIA_TYPE, headers=headers)


async def with_heartbeat(source: AsyncGenerator[bytes], seconds: float = HEARTBEAT_SECONDS) -> AsyncGenerator[bytes]:
    """``source``, with a comment whenever it says nothing for a while."""
    upcoming: asyncio.Task[bytes | None] | None = None
    try:
        while True:
            upcoming = upcoming or asyncio.create_task(_next(source))
            done, _ = await asyncio.wait({upcoming}, timeout=seconds)
            if not done:
                yield HEARTBEAT
                continue
            arrived, upcoming = upcoming.result(), None
            if arrived is None:
                return
            yield arrived
    finally:
        if upcoming is not None:
            await end(upcoming)
        await source.aclose()


async def _next(source: AsyncGenerator[bytes]) -> bytes | None:
    return await anext(source, None)
