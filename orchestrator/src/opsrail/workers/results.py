"""``RUNS`` into the database: statuses, log lines and artifacts in batches; then the events that say so."""

import asyncio
import uuid
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import psycopg
import structlog
from nats.aio.msg import Msg
from nats.js import api
from prometheus_client import Counter
from pydantic import ValidationError

from opsrail.audit import trail
from opsrail.audit.trail import Entry
from opsrail.db.engine import Database
from opsrail.runs.log_order import LogPart
from opsrail.runs.outcomes import Applied, Reports, Source, apply
from opsrail.runs.progress import Seen
from opsrail.runs.service import QUEUE
from opsrail.stream.hints import Hints
from opsrail.workers.batch_pull import BatchPull
from opsrail_sdk.bus import Bus
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.run import ArtifactStored, CommandRefused, RunLog, RunStatus

log = structlog.get_logger()

CONSUMER = "results"
_BATCH = 500
_BATCH_BYTES = 8 << 20
_REST = timedelta(milliseconds=20)
_ACK_WAIT = timedelta(seconds=10)
"""How long messages of a replica that died wait for another one."""
_AGAIN = timedelta(seconds=1)
_EARLY = timedelta(milliseconds=200)
"""Pause before log lines are tried again that came before the lines which precede them."""
_EARLY_DELIVERIES = 3 * _ACK_WAIT // _EARLY
"""So often tried, what precedes them is gone for good."""

APPLIED = Counter("opsrail_run_reports_total", "Messages about runs written to the database", ["kind"])
REFUSED = Counter("opsrail_run_reports_refused_total", "Messages about runs that could not be understood")


class Results:
    """A worker; replicas share the consumer."""

    name = "results"

    def __init__(self, database: Database, bus: Bus, hints: Hints, *, keep_artifacts: timedelta) -> None:
        self._database = database
        self._bus = bus
        self._hints = hints
        self._keep = keep_artifacts

    async def run(self, stop: asyncio.Event) -> None:
        config = api.ConsumerConfig(
            durable_name=CONSUMER,
            name=CONSUMER,
            filter_subjects=[
                subjects.run_status("*", "*", "*"),
                subjects.run_log("*", "*", "*"),
                subjects.run_artifact("*", "*", "*"),
                subjects.run_refused("*", "*", "*"),
            ],
            ack_policy=api.AckPolicy.EXPLICIT,
            ack_wait=_ACK_WAIT.total_seconds(),
            max_deliver=-1,
            max_ack_pending=10 * _BATCH,
        )
        await self._bus.js.add_consumer(subjects.RUNS, config)
        async with BatchPull(
            self._bus, subjects.RUNS, CONSUMER, messages=_BATCH, size=_BATCH_BYTES, rest=_REST
        ) as pull:
            while not stop.is_set():
                if batch := await pull.next(stop):
                    await self._handle(batch)

    async def _handle(self, batch: Sequence[Msg]) -> None:
        try:
            await self._write(batch)
        except psycopg.DataError:
            if len(batch) == 1:
                log.exception("results.refused", subject=batch[0].subject)
                REFUSED.inc()
                await batch[0].term()
                return
            for message in batch:
                await self._handle([message])
        except Exception:
            for message in batch:
                await message.nak(_AGAIN.total_seconds())
            raise

    async def _write(self, batch: Sequence[Msg]) -> None:
        reports: defaultdict[Source, Reports] = defaultdict(Reports)
        refused: list[tuple[uuid.UUID, Entry]] = []
        kept = [message for message in batch if await self._read(message, reports, refused)]
        if not kept:
            return
        async with self._database.raw_across() as connection:
            applied = await apply(connection, reports, keep=self._keep)
            refused += [(one.org_id, _not_taken(one, "the run is another agent's")) for one in applied.foreign]
            await trail.record_raw(connection, refused)
        await self._tell(applied)
        for message in kept:
            if message.metadata.sequence.stream in applied.early:
                await message.nak(_EARLY.total_seconds())
                continue
            await message.ack()
            APPLIED.labels(message.subject.rpartition(".")[2]).inc()

    async def _tell(self, applied: Applied) -> None:
        for org_id, run_id in applied.changed:
            await self._hints.send(org_id, "run", run_id)
        for org_id, run_id in applied.woken:
            await self._hints.send(org_id, QUEUE, run_id)
        if applied.unknown:
            log.info("results.unknown_runs", count=applied.unknown)
        await asyncio.gather(
            *(self._bus.publish_events(str(org_id), events) for org_id, events in applied.events.items() if events)
        )

    async def _read(
        self, message: Msg, reports: defaultdict[Source, Reports], refused: list[tuple[uuid.UUID, Entry]]
    ) -> bool:
        """Whether the message could be understood. Organisation, agent and run are those of the subject."""
        _, org, _, agent, run, kind = message.subject.split(".")
        sequence = message.metadata.sequence.stream
        body = _without_nul(message.data)
        try:
            source = Source(uuid.UUID(org), agent, uuid.UUID(run))
            if kind == "refused":
                refused.append((source.org_id, _refused(source, CommandRefused.model_validate_json(body))))
                return True
            report = reports[source]
            if kind == "status":
                repeated = message.metadata.num_delivered > 1
                report.statuses.append(Seen(sequence, RunStatus.model_validate_json(body), repeated))
            elif kind == "log":
                lines = RunLog.model_validate_json(body)
                overdue = message.metadata.num_delivered > _EARLY_DELIVERIES
                report.logs.append(LogPart(sequence, lines.attempt, lines.lines, overdue=overdue))
            else:
                stored = ArtifactStored.model_validate_json(body)
                if stored.object_name != f"{source.run_id}/{stored.id}":
                    refused.append((source.org_id, _not_taken(source, "the artifact is not at its run's place")))
                    return True
                report.artifacts.append(stored)
        except (ValidationError, ValueError) as error:
            REFUSED.inc()
            log.warning("results.refused", subject=message.subject, reason=str(error)[:500])
            await message.term()
            return False
        return True


def _refused(source: Source, told: CommandRefused) -> Entry:
    """An agent was sent a command that it may not carry out: forged, altered, expired or replayed."""
    return Entry(
        actor=f"agent:{source.agent}",
        verb="capability.refused" if told.error.code.startswith("capability_") else "command.refused",
        target=f"run:{source.run_id}",
        outcome="denied",
        reason=f"{told.error.code}: {told.error.message}",
        detail={"instance": told.instance, "order": told.order},
    )


def _not_taken(source: Source, reason: str) -> Entry:
    """An agent told of what is not its own to tell of."""
    return Entry(
        actor=f"agent:{source.agent}",
        verb="report.refused",
        target=f"run:{source.run_id}",
        outcome="denied",
        reason=reason,
    )


def _without_nul(body: bytes) -> Any:
    r"""PostgreSQL has no room for U+0000 in text: an escaped one becomes U+FFFD. ``\\u0000`` is none."""
    if b"\\u0000" not in body:
        return body
    return rb"\\".join(part.replace(rb"\u0000", rb"\ufffd") for part in body.split(rb"\\"))
