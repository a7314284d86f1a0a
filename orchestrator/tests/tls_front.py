"""Speaks TLS in front of a server that cannot: the embedded PostgreSQL and Valkey are built without."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

POSTGRES_ASKS = bytes.fromhex("0000000804d2162f")
"""PostgreSQL's `SSLRequest`; see https://www.postgresql.org/docs/current/protocol-message-formats.html"""


@contextlib.asynccontextmanager
async def tls_front(folder: Path, *, port: int | None = None, path: str | None = None) -> AsyncIterator[int]:
    """A loopback port in front of a port or a Unix socket; clients have to show a certificate of the CA."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(folder / "ca.crt"))
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    context.verify_mode = ssl.CERT_REQUIRED

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                if path is not None:
                    assert await reader.readexactly(8) == POSTGRES_ASKS
                    writer.write(b"S")
                    await writer.drain()
                await writer.start_tls(context)
                await _join(reader, writer, path, port)
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def _join(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str | None, port: int | None
) -> None:
    behind = await (asyncio.open_unix_connection(path) if path else asyncio.open_connection("127.0.0.1", port))
    try:
        pumps = [asyncio.create_task(_pump(reader, behind[1])), asyncio.create_task(_pump(behind[0], writer))]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
    finally:
        behind[1].transport.abort()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await source.read(65536):
            sink.write(chunk)
            await sink.drain()
