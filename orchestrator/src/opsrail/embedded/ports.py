"""Loopback ports, and waiting for a server to answer on one. Called by the server files and `up.py`."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path

LOOPBACK = "127.0.0.1"
POLL_SECONDS = 0.005


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_port(*, avoid: Collection[int] = ()) -> int:
    """A port nobody listens on now and that is not in `avoid`."""
    while True:
        with socket.socket() as probe:
            probe.bind((LOOPBACK, 0))
            port: int = probe.getsockname()[1]
        if port not in avoid:
            return port


async def until(answers: Callable[[], Awaitable[bool]]) -> None:
    """Return once `answers` is true; a refused or dropped connection counts as false."""
    while True:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            if await answers():
                return
        await asyncio.sleep(POLL_SECONDS)


def own_certificate(certificate: Path) -> ssl.SSLContext:
    """Trusts this very certificate, by whatever name its server is reached."""
    context = ssl.create_default_context(cafile=str(certificate))
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


async def ask(
    port: int, request: bytes, expected: bytes, *, host: str = LOOPBACK, tls: ssl.SSLContext | None = None
) -> bool:
    """Send `request` to a line protocol; true when some first line holds `expected`."""
    reader, writer = await asyncio.open_connection(host, port, ssl=tls)
    try:
        writer.write(request)
        for _ in range(request.count(b"\n") or 1):
            if expected in await reader.readline():
                return True
        return False
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
