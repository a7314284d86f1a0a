"""One orchestrator process on a listening socket that it inherits.

    python -m opsrail.embedded.serve LISTEN_FD READY_FD GATE_FD APP

Started by `orchestrator.py`. Replicas share the socket, which the supervisor keeps open: while one of them
restarts, connections wait in the backlog instead of being refused. The process loads its code at once, and
begins when the gate tells it where the servers are: by then they serve, and the database is migrated.
"""

import asyncio
import gc
import json
import os
import socket
import sys
from datetime import timedelta
from importlib import import_module
from types import FrameType

import uvicorn

from opsrail.tls import tls_from_environment
from opsrail_sdk import lean

GRACE = timedelta(seconds=8)


class AnnouncingServer(uvicorn.Server):
    """A server that writes one byte to `ready_fd` once it accepts requests."""

    def __init__(self, config: uvicorn.Config, ready_fd: int) -> None:
        super().__init__(config)
        self._ready_fd = ready_fd

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        gc.freeze()  # routes, caches and workers stay for good too
        if self.started:
            os.write(self._ready_fd, b"1")
        os.close(self._ready_fd)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop in order; at once where it does not serve yet, since nothing was taken on that could be finished."""
        if not self.started:
            os._exit(128 + sig)
        super().handle_exit(sig, frame)


def main(arguments: list[str]) -> int:
    listen_fd, ready_fd, gate_fd = (int(argument) for argument in arguments[:3])
    app = arguments[3]
    gc.disable()  # what the imports make stays for good: looking through it for garbage is a fifth of their time
    lean.defer_models()
    import_module(app.partition(":")[0])
    lean.settled()
    gc.enable()
    if not learn(gate_fd):
        return 1
    tls = tls_from_environment()
    config = uvicorn.Config(
        app,
        factory=True,
        loop="uvloop",
        http="opsrail.hooks.protocol:HookProtocol",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # opsrail.auth.address knows which proxies to believe
        timeout_graceful_shutdown=int(GRACE.total_seconds()),
        ssl_certfile=tls.server_cert,
        ssl_keyfile=tls.server_key,
    )
    server = AnnouncingServer(config, ready_fd)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(server.serve(sockets=[socket.socket(fileno=listen_fd)]))
    return 0 if server.started else 3


def learn(gate_fd: int) -> bool:
    """Wait for the rest of our environment; false when whoever would have told it is gone."""
    with open(gate_fd, "rb") as gate:
        word = gate.read()
    os.environ.update(json.loads(word) if word else {})
    return bool(word)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
