"""Servers of other makers for tests, each a process on a port that was free a moment ago."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from opsrail.embedded.ports import free_port, until
from opsrail.testing.stack import PATIENCE_SECONDS
from opsrail_sdk.tasks import end

_TRIES = 5


@asynccontextmanager
async def serving(
    command: Callable[[int], Sequence[str]], answers: Callable[[int], Awaitable[bool]], *, log: Path
) -> AsyncIterator[int]:
    """The port of a server that answers; where the process ended, since its port was taken meanwhile, another one.

    Args:
        command: of the port.
        answers: of the port; whether the server serves. A refused connection counts as no.
        log: where the process writes.

    Raises:
        AssertionError: it does not come up.
    """
    for _ in range(_TRIES):
        port = free_port()
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(*command(port), stdout=output, stderr=output)
        try:
            if await _answers(process, until(lambda port=port: answers(port))):  # type: ignore[misc]
                yield port
                return
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()
    raise AssertionError(f"the server did not start; see {log}")


async def _answers(process: asyncio.subprocess.Process, answer: Awaitable[None]) -> bool:
    answering, ended = asyncio.ensure_future(answer), asyncio.ensure_future(process.wait())
    try:
        await asyncio.wait({answering, ended}, timeout=PATIENCE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        return answering.done() and not ended.done()
    finally:
        await end(answering, ended)
