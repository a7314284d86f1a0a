"""The bus as we use it: durable publish, the last message of a subject, request/reply with typed errors.

One ``Bus`` per process, made by ``opsrail_sdk.runtime`` and by the orchestrator. Streams and consumers are
described in ``streams``, key-value buckets in ``kv``, artifacts in ``objects``, pulling work in ``pull``.
"""

import asyncio
import random
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

import orjson
import structlog
from nats.aio.client import Client
from nats.errors import ConnectionClosedError, NoRespondersError
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext, api
from nats.js.errors import APIError, NoStreamResponseError, NotFoundError

from opsrail_sdk import kv, objects, telemetry
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.cloudevent import BATCH_CONTENT_TYPE, CloudEvent, derived_id, encode_batch
from opsrail_sdk.errors import AgentError, Unavailable, by_code
from opsrail_sdk.login import BusClient, Login, Refusal, locks_out, refusal_in
from opsrail_sdk.streams import consumer_config_for_actions, consumer_config_for_events, ensure_streams
from opsrail_sdk.tasks import within

__all__ = [
    "Ack",
    "Bus",
    "SequenceConflict",
    "Stored",
    "consumer_config_for_actions",
    "consumer_config_for_events",
    "ensure_streams",
]

CAPABILITY_HEADER = "Opsrail-Capability"
"""Header of a query that carries a capability token, so that the agent may open connections for it."""
CORRELATION_HEADER = "Opsrail-Correlation-Id"
ERROR_HEADER = "Nats-Service-Error"
"""Message of a failed query (NATS ADR-32); its code travels in ``ERROR_CODE_HEADER``."""
ERROR_CODE_HEADER = "Nats-Service-Error-Code"

_WRONG_SEQUENCE = frozenset({10071, 10164})
_ANSWER = timedelta(seconds=5)
_PASSWORD = Login()
_RECONNECT: Any = 0.2  # seconds; nats-py says int and means float

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class SequenceConflict(Exception):
    """Somebody else wrote to the subject first."""


@dataclass(frozen=True)
class Ack:
    """JetStream has the message on disk. ``duplicate``: it already had one of that id."""

    sequence: int
    duplicate: bool


@dataclass(frozen=True)
class Stored:
    """A message as the stream holds it."""

    sequence: int
    body: bytes
    headers: Mapping[str, str]


class Bus:
    """A connection that comes back by itself, for ever.

    ``reconnected`` holds what is called each time it did, ``refused`` what is called with each thing that the
    server kept us from. ``locked_out`` is set once the server no longer accepts our credential.
    """

    def __init__(self, client: Client, *, answer: timedelta = _ANSWER) -> None:
        self.nc = client
        self._answer = answer
        self.js: JetStreamContext = client.jetstream(timeout=answer.total_seconds())
        self.kv = kv.Buckets(client, self.js)
        self.objects = objects.Objects(self.js)
        self.reconnected: set[Callable[[], Awaitable[None]]] = {self.kv.refresh}
        self.refused: set[Callable[[Refusal], Awaitable[None]]] = set()
        self.locked_out = asyncio.Event()
        self.was_connected = False

    @classmethod
    async def connect(
        cls,
        url: str,
        *,
        name: str,
        inbox_prefix: str | None = None,
        login: Login = _PASSWORD,
        patience: timedelta = timedelta(seconds=30),
        answer: timedelta = _ANSWER,
    ) -> Self:
        """Connect, waiting for the server if need be.

        Args:
            url: one server, or several separated by commas; login and password in the URL.
            name: shown in the server's connection list.
            inbox_prefix: own prefix of reply subjects, which per-agent allow-lists are written against.
            login: credential and TLS.
            patience: longest wait for a first connection.
            answer: longest wait for one answer of JetStream.

        Raises:
            Unavailable: no server within ``patience``, or it refused the login.
            ConfigInvalid: the credential file is no good.
        """
        client = BusClient()
        bus = cls(client, answer=answer)
        options = login.options()
        awaited = False

        async def on_error(error: Exception) -> None:
            nonlocal awaited
            if refusal := refusal_in(error):
                log.warning("bus_refused", operation=refusal.operation, subject=refusal.subject)
                for notify in tuple(bus.refused):
                    await notify(refusal)
            elif locks_out(error) and login.credentials is not None and bus.was_connected:
                bus.locked_out.set()
            elif not bus.was_connected and not awaited:
                awaited = True
                log.warning("bus_awaited", error=str(error), patience_seconds=patience.total_seconds())
            else:
                log.debug("nats_error", error=repr(error))

        async def on_closed() -> None:
            if locks_out(client.last_error):
                bus.locked_out.set()

        async def on_disconnect() -> None:
            if not client.is_closed and not client.is_draining:
                log.warning("bus_lost")

        async def on_reconnect() -> None:
            log.info("bus_back")
            for notify in tuple(bus.reconnected):
                await notify()

        try:
            connecting = client.connect(
                servers=url.split(","),
                name=name,
                inbox_prefix=inbox_prefix or f"_INBOX_{secrets.token_hex(8)}",
                error_cb=on_error,
                closed_cb=on_closed,
                disconnected_cb=on_disconnect,
                reconnected_cb=on_reconnect,
                max_reconnect_attempts=-1,
                reconnect_time_wait=_RECONNECT,
                connect_timeout=5,
                ping_interval=10,
                pending_size=16 << 20,
                **options,
            )
            await within(patience, connecting)
        except (TimeoutError, NatsError, OSError) as error:
            with suppress(Exception):
                await client.close()
            reason = client.last_error or error
            raise Unavailable(f"no connection to NATS: {reason or 'timed out'}") from error
        bus.was_connected = True
        return bus

    @property
    def max_payload(self) -> int:
        """Largest message that the server takes, in bytes."""
        return int(self.nc.max_payload)

    async def close(self) -> None:
        """Send what is buffered, then close."""
        if self.nc.is_closed:
            return
        if self.nc.is_connected:
            with suppress(NatsError, TimeoutError):
                await self.nc.flush(timeout=2)
        with suppress(OSError):  # the other end may close first
            await self.nc.close()

    async def publish(
        self,
        subject: str,
        body: bytes,
        *,
        message_id: str | None = None,
        expect: int | None = None,
        ttl: timedelta | None = None,
        headers: Mapping[str, str] | None = None,
        patience: timedelta | None = None,
    ) -> Ack:
        """Publish to a stream; returns once it is on disk.

        Args:
            message_id: JetStream stores one message per id within its duplicate window. With it, an attempt
                whose answer was lost is repeated until ``patience`` ends; without it there is one attempt.
            expect: sequence that the subject's last message must have, 0 for none.
            ttl: after this the stream forgets the message; whole seconds.
            patience: until then it is tried; unset, for as long as one answer may take.

        Raises:
            SequenceConflict: ``expect`` did not hold.
            Unavailable: the stream could not be reached, or refused the message (it is full, for one).
        """
        sent = telemetry.inject(dict(headers or {}))
        if message_id is not None:
            sent[api.Header.MSG_ID] = message_id
        if expect is not None:
            sent[api.Header.EXPECTED_LAST_SUBJECT_SEQUENCE] = str(expect)
        if ttl is not None:
            sent[api.Header.MSG_TTL] = f"{max(1, round(ttl.total_seconds()))}s"
        loop = asyncio.get_running_loop()
        attempt = self._answer.total_seconds()
        give_up = loop.time() + (patience.total_seconds() if patience is not None else attempt)
        pause = 0.05
        untaken = False
        while True:
            left = give_up - loop.time()
            try:
                ack = await self.js.publish(subject, body, timeout=max(0.05, min(attempt, left)), headers=sent)
                return Ack(ack.seq, bool(ack.duplicate))
            except APIError as error:
                if error.err_code in _WRONG_SEQUENCE:
                    raise SequenceConflict(subject) from error
                if error.code != 503:
                    raise Unavailable(f"{subject} was refused: {error.description}", code="bus_refused") from error
                failure: Exception = error
            except NoStreamResponseError as error:
                failure, untaken = error, True
            except ConnectionClosedError as error:
                raise Unavailable("the connection to NATS is closed") from error
            except (NatsError, TimeoutError) as error:
                failure = error
            if message_id is None or loop.time() + pause >= give_up:
                reason = "no stream takes it" if untaken else "no answer in time"
                raise Unavailable(f"{subject} could not be published: {reason}") from failure
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311
            pause = min(pause * 2, 2.0)

    async def publish_fenced(
        self,
        stream: str,
        subject: str,
        body: bytes,
        *,
        message_id: str,
        expect: int,
        patience: timedelta | None = None,
    ) -> Ack:
        """Publish where the subject's last message has the sequence ``expect`` (0 for none).

        JetStream looks at the sequence before the message id, so a repeat of our own stored message looks like
        a conflict; it is told apart by the id of what is there.

        Raises:
            SequenceConflict: somebody else wrote first; nothing of ours is there.
            Unavailable: it is not known whether the message is on disk.
        """
        try:
            return await self.publish(subject, body, message_id=message_id, expect=expect, patience=patience)
        except SequenceConflict:
            last = await self.last(stream, subject)
            if last is not None and last.headers.get(api.Header.MSG_ID) == message_id:
                return Ack(last.sequence, duplicate=True)
            raise

    async def publish_events(
        self, org: str, events: Sequence[CloudEvent], *, patience: timedelta | None = None
    ) -> None:
        """Publish facts, one message per type, each stamped with the organisation.

        Raises:
            Unavailable: at least one message is not known to be on disk. Publishing the same events again is safe.
        """
        by_type: dict[str, list[CloudEvent]] = {}
        for event in events:
            stamped = event.stamped(orgid=org, traceparent=event.traceparent or telemetry.traceparent())
            by_type.setdefault(event.type, []).append(stamped)
        for event_type, batch in by_type.items():
            await self.publish(
                subjects.event(org, event_type),
                encode_batch(batch),
                message_id=derived_id(org, *(part for event in batch for part in (event.source, event.id))),
                headers={"Content-Type": BATCH_CONTENT_TYPE},
                patience=patience,
            )

    async def last(self, stream: str, subject: str) -> Stored | None:
        """The last message on a subject, or None.

        Raises:
            Unavailable: the stream could not be reached.
        """
        try:
            raw = await self.js.get_msg(stream, subject=subject, direct=True)
        except NotFoundError:
            return None
        except (NatsError, TimeoutError) as error:
            raise Unavailable(f"{subject} could not be read") from error
        return Stored(raw.seq or 0, raw.data or b"", raw.headers or {})

    async def query(
        self,
        org: str,
        agent: str,
        name: str,
        input: Mapping[str, Any],
        *,
        patience: timedelta,
        correlation_id: str,
        capability: str | None = None,
    ) -> dict[str, Any]:
        """Ask an agent (or ``core``) and wait for its answer.

        Raises:
            Unavailable: nobody answers: not running, disabled, or not in time.
            AgentError: it answered with an error; of the class that the code belongs to.
        """
        headers = telemetry.inject({CORRELATION_HEADER: correlation_id})
        if capability is not None:
            headers[CAPABILITY_HEADER] = capability
        try:
            reply = await self.nc.request(
                subjects.query(org, agent, name),
                orjson.dumps(input),
                timeout=patience.total_seconds(),
                headers=headers,
            )
        except NoRespondersError as error:
            raise Unavailable(f"nobody answers {agent}.{name}", code="no_responders") from error
        except NatsTimeoutError as error:
            raise Unavailable(f"{agent}.{name} did not answer in time", code="query_timeout") from error
        except NatsError as error:
            raise Unavailable(f"{agent}.{name} could not be asked") from error
        if reply.headers and ERROR_CODE_HEADER in reply.headers:
            raise by_code(reply.headers[ERROR_CODE_HEADER], reply.headers.get(ERROR_HEADER, ""))
        answer = orjson.loads(reply.data)
        if not isinstance(answer, dict):
            raise AgentError(f"{agent}.{name} answered with something that is no object", code="bad_answer")
        return answer
