"""Answers an agent's queries as a NATS micro service, so that the stock ``nats micro`` tools see it.

Protocol: NATS ADR-32. nats-py's own service answers one request at a time, sends ``repr`` of any exception to
the caller and does not wait for running requests at its end; here requests run side by side, only our own
errors are told, and the end waits. Its wire types are used as they are.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.micro.service import EndpointInfo, EndpointStats, ServiceInfo, ServicePing, ServiceStats
from pydantic import BaseModel, ValidationError

from opsrail_sdk import telemetry
from opsrail_sdk.agent import Agent, Query
from opsrail_sdk.bus import CAPABILITY_HEADER, CORRELATION_HEADER, ERROR_CODE_HEADER, ERROR_HEADER, Bus
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.cloudevent import derived_id
from opsrail_sdk.errors import AgentError, InvalidInput
from opsrail_sdk.live_context import LiveQueryContext
from opsrail_sdk.outcome import invalid_input
from opsrail_sdk.settings import AgentSettings

_QUEUE = "q"
_LONGEST_MESSAGE = 1000

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class _Endpoint:
    def __init__(self, query: Query[Any, Any], subject: str) -> None:
        self.query = query
        self.info = EndpointInfo(name=query.spec.name, subject=subject, queue_group=_QUEUE, metadata={})
        self.requests = 0
        self.errors = 0
        self.nanoseconds = 0
        self.last_error = ""

    def stats(self) -> EndpointStats:
        return EndpointStats(
            name=self.info.name,
            subject=self.info.subject,
            queue_group=_QUEUE,
            num_requests=self.requests,
            num_errors=self.errors,
            last_error=self.last_error,
            processing_time=self.nanoseconds,
            average_processing_time=self.nanoseconds // max(1, self.requests),
        )


class QueryService:
    """The queries of one agent process; ``start`` and ``stop`` may alternate."""

    def __init__(
        self,
        agent: Agent,
        bus: Bus,
        settings: AgentSettings,
        *,
        config: Callable[[], BaseModel],
        on_result: Callable[[BaseException | None], None],
    ) -> None:
        self._agent = agent
        self._bus = bus
        self._settings = settings
        self._config = config
        self._on_result = on_result
        self._identity: dict[str, Any] = {
            "id": derived_id(settings.org, agent.id, settings.agent_instance).replace("-", ""),
            "name": agent.id,
            "version": agent.version,
            "metadata": {"org": settings.org, "instance": settings.agent_instance},
        }
        self._endpoints = [
            _Endpoint(query, subjects.query(settings.org, agent.id, query.spec.name)) for query in agent.queries
        ]
        self._subscriptions: list[Subscription] = []
        self._running: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(settings.query_concurrency)
        self._started = datetime.now(UTC)

    @property
    def in_flight(self) -> int:
        return len(self._running)

    async def start(self) -> None:
        if self._subscriptions:
            return
        answers: dict[str, Callable[[], dict[str, Any]]] = {
            "PING": lambda: ServicePing(**self._identity).to_dict(),
            "INFO": self._info,
            "STATS": self._stats,
        }
        for verb, answer in answers.items():
            for scope in ("", f".{self._agent.id}", f".{self._agent.id}.{self._identity['id']}"):
                self._subscriptions.append(await self._bus.nc.subscribe(f"$SRV.{verb}{scope}", cb=_answering(answer)))
        for endpoint in self._endpoints:
            self._subscriptions.append(
                await self._bus.nc.subscribe(endpoint.info.subject, queue=_QUEUE, cb=self._receiving(endpoint))
            )
        await self._bus.nc.flush()

    async def stop(self) -> None:
        """Take no more; requests already here are answered."""
        leaving, self._subscriptions = self._subscriptions, []
        with suppress(NatsError):
            await asyncio.gather(*(subscription.drain() for subscription in leaving))  # type: ignore[no-untyped-call]
        if self._running:
            await asyncio.wait(self._running, timeout=self._settings.grace.total_seconds())

    def _receiving(self, endpoint: _Endpoint) -> Callable[[Msg], Awaitable[None]]:
        async def receive(message: Msg) -> None:
            if not subjects.is_inbox(message.reply):
                log.warning("query_reply_refused", reply=message.reply)
                return
            await self._slots.acquire()
            task = asyncio.create_task(self._serve(endpoint, message))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
            task.add_done_callback(lambda _: self._slots.release())

        return receive

    async def _serve(self, endpoint: _Endpoint, message: Msg) -> None:
        began = time.perf_counter_ns()
        endpoint.requests += 1
        headers = message.headers or {}
        correlation_id = headers.get(CORRELATION_HEADER) or derived_id(message.reply)
        with telemetry.handling(
            f"{self._agent.id}.{endpoint.info.name}",
            destination=endpoint.info.subject,
            message_id=message.reply,
            correlation_id=correlation_id,
            parent=headers.get("traceparent"),
        ) as span:
            body = b""
            reply_headers: dict[str, str] | None = None
            try:
                body = await self._answer(
                    endpoint.query, message.data, correlation_id, headers.get(CAPABILITY_HEADER)
                )
                self._on_result(None)
            except Exception as error:  # noqa: BLE001 - callers get a code, never what went wrong inside
                code, text = self._told(error, endpoint, correlation_id)
                endpoint.errors += 1
                endpoint.last_error = f"{code}: {text}"
                telemetry.mark_failed(span, code)
                self._on_result(error)
                reply_headers = {ERROR_CODE_HEADER: code, ERROR_HEADER: text}
            endpoint.nanoseconds += time.perf_counter_ns() - began
            with suppress(NatsError):
                await self._bus.nc.publish(message.reply, body, headers=reply_headers)

    async def _answer(
        self, query: Query[Any, Any], body: bytes, correlation_id: str, capability: str | None
    ) -> bytes:
        try:
            parsed = query.input_model.model_validate_json(body or b"{}")
        except ValidationError as error:
            raise invalid_input(error) from error
        context: LiveQueryContext[Any] = LiveQueryContext(
            self._bus,
            org_id=self._settings.org,
            agent_id=self._agent.id,
            config=self._config,
            correlation_id=correlation_id,
            capability=capability,
        )
        async with asyncio.timeout(query.spec.timeout.total_seconds()):
            result = await query(context, parsed)
        answer = orjson.dumps(query.output_model.model_validate(result).model_dump(mode="json"))
        if len(answer) > self._bus.max_payload - 4096:
            raise InvalidInput("the answer is too large for the bus; ask for less", code="answer_too_large")
        return answer

    def _told(self, error: Exception, endpoint: _Endpoint, correlation_id: str) -> tuple[str, str]:
        if isinstance(error, AgentError):
            return error.code, " ".join(str(error).split())[:_LONGEST_MESSAGE]
        if isinstance(error, TimeoutError):
            return "query_timeout", f"no answer within {endpoint.query.spec.timeout.total_seconds():g} s"
        log.error("query_failed", query=endpoint.info.name, exc_info=error)
        return "internal", f"the query failed; the agent's log has the reason under {correlation_id}"

    def _info(self) -> dict[str, Any]:
        info = ServiceInfo(
            **self._identity,
            description=self._agent.title,
            endpoints=[endpoint.info for endpoint in self._endpoints],
        )
        return info.to_dict()

    def _stats(self) -> dict[str, Any]:
        stats = ServiceStats(
            **self._identity, started=self._started, endpoints=[endpoint.stats() for endpoint in self._endpoints]
        )
        return stats.to_dict()


def _answering(answer: Callable[[], dict[str, Any]]) -> Callable[[Msg], Awaitable[None]]:
    async def respond(message: Msg) -> None:
        if subjects.is_inbox(message.reply):
            await message.respond(orjson.dumps(answer()))

    return respond
