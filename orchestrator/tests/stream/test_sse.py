"""The form of server-sent events."""

import asyncio
from collections.abc import AsyncGenerator

from opsrail.stream import sse


async def test_a_silent_source_shows_that_it_lives_and_ends_with_its_reader() -> None:
    closed = asyncio.Event()
    go_on = asyncio.Event()

    async def source() -> AsyncGenerator[bytes]:
        try:
            yield b"one"
            await go_on.wait()
            yield b"two"
        finally:
            closed.set()

    stream = sse.with_heartbeat(source(), seconds=0.01)
    assert await anext(stream) == b"one"
    assert await anext(stream) == sse.HEARTBEAT
    go_on.set()
    while (chunk := await anext(stream)) == sse.HEARTBEAT:
        pass
    assert chunk == b"two"
    await stream.aclose()
    assert closed.is_set()


def test_text_of_any_kind_stays_one_line_of_data() -> None:
    assert sse.message("log", {"text": "a\nb\r\ndata: x"}, id="7").count(b"\n") == 4
