"""``REQUESTS`` into runs: each wish once, however often it is delivered."""

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog
from nats.aio.msg import Msg
from nats.js import api
from prometheus_client import Counter
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.db.engine import Database
from opsrail.errors import OrchestratorError
from opsrail.policy.asker import Asker
from opsrail.runs import making, service
from opsrail.runs.making import Created
from opsrail.runs.wish import Wish
from opsrail.stream.hints import Hints
from opsrail.workers.batch_pull import BatchPull
from opsrail_sdk.bus import Bus
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.cloudevent import CloudEvent, derived_id
from opsrail_sdk.contracts.run import RunRequest

log = structlog.get_logger()

CONSUMER = "requests"
_BATCH = 200
_BATCH_BYTES = 8 << 20
_ACK_WAIT = timedelta(seconds=10)
"""How long wishes in the hands of a replica that died wait for another one."""
_AGAIN = timedelta(seconds=1)

TAKEN = Counter("opsrail_run_requests_total", "Wishes from the bus", ["outcome"])


@dataclass(frozen=True)
class _Asked:
    org_id: uuid.UUID
    wish: Wish
    message: Msg


class Requests:
    """A worker; replicas share the consumer."""

    name = "requests"

    def __init__(self, database: Database, bus: Bus, hints: Hints) -> None:
        self._database = database
        self._bus = bus
        self._hints = hints

    async def run(self, stop: asyncio.Event) -> None:
        config = api.ConsumerConfig(
            durable_name=CONSUMER,
            name=CONSUMER,
            ack_policy=api.AckPolicy.EXPLICIT,
            ack_wait=_ACK_WAIT.total_seconds(),
            max_deliver=-1,
            max_ack_pending=10 * _BATCH,
        )
        await self._bus.js.add_consumer(subjects.REQUESTS, config)
        async with BatchPull(self._bus, subjects.REQUESTS, CONSUMER, messages=_BATCH, size=_BATCH_BYTES) as pull:
            while not stop.is_set():
                if batch := await pull.next(stop):
                    await self._handle(batch)

    async def _handle(self, batch: Sequence[Msg]) -> None:
        try:
            asked = [one for message in batch if (one := await self._read(message))]
            await self._create(asked)
        except Exception:
            for message in batch:
                await message.nak(_AGAIN.total_seconds())
            raise

    async def _create(self, asked: Sequence[_Asked]) -> None:
        """All in one transaction; if the database cannot take one of them, each in its own."""
        try:
            async with self._database.across() as session:
                made = [(one, await _create_one(session, one)) for one in asked]
        except OperationalError:
            raise
        except DBAPIError as error:
            if len(asked) > 1:
                for one in asked:
                    await self._create([one])
            else:
                await self._refuse(asked[0].message, f"the database does not take it: {type(error.orig).__name__}")
            return
        for one, created in made:
            await service.notify(self._hints, one.org_id, created.run.id, created.stopping)
        for one, created in made:
            await one.message.ack()
            TAKEN.labels("created" if created.new else "repeated").inc()

    async def _read(self, message: Msg) -> _Asked | None:
        """The wish; organisation, agent and action are those of the subject, which the server has checked."""
        _, org, _, agent, action = (*message.subject.split(".", 4), "", "")[:5]
        try:
            request = RunRequest.model_validate_json(message.data)
            org_id = uuid.UUID(org)
        except ValueError as error:
            await self._refuse(message, _reason(error))
            return None
        if (request.org_id, request.agent, request.action) != (org, agent, action):
            await self._refuse(message, "the body names another organisation, agent or action than the subject")
            return None
        if not request.requested_by.startswith("agent:"):
            await self._refuse(message, "over the bus only agents ask")
            return None
        wish = Wish(
            agent=agent,
            action=action,
            input=request.input,
            requested_by=request.requested_by,
            requested_at=message.metadata.timestamp,
            correlation_id=request.correlation_id,
            dry_run=request.dry_run,
            key=request.key,
            concurrency_group=request.concurrency_group,
            cause=request.cause,
            traceparent=request.traceparent,
        )
        return _Asked(org_id, wish, message)

    async def _refuse(self, message: Msg, reason: str) -> None:
        """Say on the bus that a wish came to nothing, then drop it."""
        log.warning("requests.refused", subject=message.subject, reason=reason)
        sequence = message.metadata.sequence.stream
        org = message.subject.split(".")[1]
        event = CloudEvent(
            id=derived_id("request-refused", org, str(sequence), str(message.metadata.timestamp)),
            source="/opsrail/requests",
            type="io.opsrail.request.refused.v1",
            subject=message.subject,
            time=message.metadata.timestamp,
            datacontenttype="application/json",
            data={"subject": message.subject, "reason": reason},
        )
        await self._bus.publish_events(org, [event])
        await message.term()
        TAKEN.labels("refused").inc()


async def _create_one(session: AsyncSession, asked: _Asked) -> Created:
    await session.execute(text("SELECT set_config('app.org_id', :org, true)"), {"org": str(asked.org_id)})
    try:
        asker = Asker.named(asked.wish.requested_by, via="bus")
        return await making.create(session, asked.org_id, asked.wish, asker)
    except OrchestratorError as error:
        log.info("requests.failed", agent=asked.wish.agent, action=asked.wish.action, code=error.code)
        detail = {"errors": [{"field": item.field, "message": item.message} for item in error.errors]}
        failure = {"code": error.code, "message": error.detail, "detail": detail}
        run = await service.refuse(session, asked.org_id, asked.wish, failure)
        return Created(run, new=True)


def _reason(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())[:500]
    return str(error)[:500]
