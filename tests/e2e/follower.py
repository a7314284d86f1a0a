"""A reader of server-sent events that resumes with ``Last-Event-ID`` wherever it is cut off, as browsers do."""

import os
import signal
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import httpx
import psutil

from opsrail.cli.sse import Message, parse
from opsrail.testing.stack import Stack, wait_until


class Follower:
    """Reads in the background until ``event: end``, or until it is left."""

    def __init__(self, stack: Stack, path: str) -> None:
        self._stack = stack
        self._path = path
        self._stop = threading.Event()
        self._port = 0
        self._last: str | None = None
        self._socket: socket.socket | None = None
        self.answers: list[int] = []
        """Statuses of the requests made so far, one more after each time it was cut off."""
        self.messages: list[Message] = []
        self.ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="follower")

    def data(self, event: str) -> list[Any]:
        """What the messages of a kind hold, in order."""
        return [message.json() for message in list(self.messages) if message.event == event]

    def kill_server(self) -> int:
        """kill -9 the replica that holds this connection; its pid."""
        found: list[int] = []

        def holds() -> bool:
            found[:] = [pid for pid, command in self._stack.processes().items() if self._is_served_by(pid, command)]
            return bool(found)

        wait_until(holds, what="a replica holds the connection")
        os.kill(found[0], signal.SIGKILL)
        return found[0]

    def _is_served_by(self, pid: int, command: list[str]) -> bool:
        if "opsrail.embedded.serve" not in command:
            return False
        with suppress(psutil.NoSuchProcess):
            return self._port in {link.raddr.port for link in psutil.Process(pid).net_connections() if link.raddr}
        return False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def _follow(self) -> None:
        while not self._stop.is_set() and not self.ended.is_set():
            headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": self._last} if self._last else {})
            try:
                with (
                    self._stack.client() as client,
                    client.stream("GET", self._path, headers=headers) as response,
                ):
                    connection = response.extensions["network_stream"]
                    self._socket = connection.get_extra_info("socket")
                    self._port = connection.get_extra_info("client_addr")[1]
                    self.answers.append(response.status_code)
                    self._read(response)
            except httpx.TransportError:
                continue

    def _read(self, response: httpx.Response) -> None:
        for message in parse(self._lines(response)):
            self._last = message.id or self._last
            self.messages.append(message)
            if message.event == "end":
                self.ended.set()
                return

    def _lines(self, response: httpx.Response) -> Any:
        for line in response.iter_lines():
            if line.startswith("id:") and self._last is None:
                self._last = line.removeprefix("id:").strip()
            yield line
