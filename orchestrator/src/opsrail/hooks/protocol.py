"""uvicorn's HTTP/1.1, with a short way for webhooks that nothing is wrong with. For ``embedded.serve``.

A delivery to a connection that is at hand, whose proof holds and whose payload is understood, is taken and answered
here: one write, no task, no ASGI. Whatever is out of the ordinary (a refusal, a packed body or one of unknown length,
pipelined requests, a bus that is away) is handed over to ``endpoints`` as if this were not there. See
docs/decisions/0011.
"""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from opsrail.hooks import metrics
from opsrail.hooks.endpoints import PREFIX, HookedApp, answer_headers, decoded, refusing
from opsrail.hooks.ports import HookConnection
from opsrail.hooks.service import Accepted, Intake, bus_away

_PREFIX: Final = PREFIX.encode()


class _Reading:
    """A delivery whose body is still to come, or that has come and waits for the disk."""

    __slots__ = ("accepted", "connection", "headers", "parts", "whole")

    def __init__(self, connection: HookConnection, headers: Mapping[str, str]) -> None:
        self.connection = connection
        self.headers = headers
        self.parts: list[bytes] = []
        self.whole = False
        self.accepted: Accepted | None = None


class HookProtocol(HttpToolsProtocol):
    """One connection of a client, on which one delivery at most goes the short way at a time."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._hooked = self.app if isinstance(self.app, HookedApp) else None
        self._reading: _Reading | None = None
        self._early: list[bytes] = []
        self._last = False

    def data_received(self, data: bytes) -> None:
        reading = self._reading
        if reading is not None and reading.accepted is not None:
            self._early.append(data)
            self.flow.pause_reading()
            return
        super().data_received(data)
        if self._reading is not None and self._reading.whole:
            self._deliver(self._reading)

    def on_message_begin(self) -> None:
        if self._reading is not None:
            self._hand_over()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        if self.url.startswith(_PREFIX) and self._hooked is not None and self._is_plain():
            self._reading = self._expected(self._hooked.state.intake)
        if self._reading is None:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self._reading is None:
            super().on_body(body)
        else:
            self._reading.parts.append(body)

    def on_message_complete(self) -> None:
        if self._reading is None:
            super().on_message_complete()
        else:
            self._reading.whole = True

    def connection_lost(self, exc: Exception | None) -> None:
        if self._reading is not None and self._reading.accepted is None:
            self._hand_over()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        if self._reading is not None and self._reading.accepted is not None:
            self._last = True
            return
        if self._reading is not None:
            self._hand_over()
        super().shutdown()

    def _is_plain(self) -> bool:
        """Whether the request is one that this can answer, and nothing is before it."""
        return (
            (self.cycle is None or self.cycle.response_complete)
            and self.parser.get_method() == b"POST"
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and not self.parser.should_upgrade()
            and not self.expect_100_continue
            and not self.flow.write_paused
            and not self.config.access_log
            and not self.root_path
            and self.limit_concurrency is None
        )

    def _expected(self, intake: Intake) -> _Reading | None:
        connection = intake.connections.at_hand(self.url[len(_PREFIX) :].decode("latin-1"))
        if connection is None:
            return None
        headers = decoded(self.headers)
        length = headers.get("content-length", "")
        if not length.isdigit() or int(length) > intake.limit(connection.kind, headers):
            return None
        return None if "content-encoding" in headers else _Reading(connection, headers)

    def _deliver(self, reading: _Reading) -> None:
        assert self._hooked is not None
        intake: Intake = self._hooked.state.intake
        try:
            accepted = intake.accept(reading.connection, reading.headers, b"".join(reading.parts), datetime.now(UTC))
        except Exception:  # noqa: BLE001 (it comes up again on the long way, where it is told and counted)
            self._hand_over()
        else:
            reading.accepted = accepted
            accepted.on_disk.add_done_callback(self._answer)

    def _answer(self, on_disk: asyncio.Future[None]) -> None:
        reading = self._reading
        assert reading is not None
        assert reading.accepted is not None
        accepted, reading.accepted = reading.accepted, None
        failed = on_disk.exception() is not None
        if not failed:
            metrics.accepted(accepted.kind, len(accepted.events))
        if not failed or self.transport.is_closing():
            self._reading = None
        if self.transport.is_closing():
            return
        if failed:
            self._refuse(accepted.kind)
        else:
            self._write(accepted)
        if self._early:
            early = b"".join(self._early)
            self._early.clear()
            self.data_received(early)

    def _write(self, accepted: Accepted) -> None:
        body = accepted.body()
        content = [STATUS_LINE[202]]
        for name, value in (*self.server_state.default_headers, *answer_headers(accepted, body)):
            content += (name, b": ", value, b"\r\n")
        content.append(b"connection: close\r\n\r\n" if self._last else b"\r\n")
        content.append(body)
        self.transport.write(b"".join(content))
        if self._last:
            self.transport.close()
        self.on_response_complete()

    def _refuse(self, kind: str) -> None:
        assert self._hooked is not None
        self.app = refusing(self._hooked, bus_away(), kind)
        self._hand_over()
        self.app = self._hooked
        if self._last:
            super().shutdown()

    def _hand_over(self) -> None:
        """Have the request that was read so far go the long way, and what is still to come of it."""
        assert self._reading is not None
        reading, self._reading = self._reading, None
        super().on_headers_complete()
        for part in reading.parts:
            super().on_body(part)
        if reading.whole:
            super().on_message_complete()
