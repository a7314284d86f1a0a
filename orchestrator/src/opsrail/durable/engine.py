"""Runs flows: claims what is due, holds it by a lease, lets go of what waits. A worker; replicas share the work.

A flow that only waits is not in memory: it is let go of with its wake-up time and claimed again, by whoever comes
first, when the time or a signal is there. A worker that dies leaves its leases to run out.
"""

import asyncio
import heapq
import os
import socket
import uuid
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import structlog
from prometheus_client import Counter
from psycopg_pool import PoolTimeout

from opsrail.db.engine import Database
from opsrail.durable.context import FlowContext
from opsrail.durable.errors import ActionFailed, FlowCancelled, FlowError, LeaseLost, StepFailed
from opsrail.durable.flows import Function, Registry
from opsrail.durable.schedule import Entry
from opsrail.durable.store import Call, Claimed, Settled, Store, Write
from opsrail.errors import OrchestratorError
from opsrail.policy.asker import Asker
from opsrail.runs import making, service
from opsrail.runs.service import QUEUE
from opsrail.runs.wish import Wish
from opsrail.settings import DatabaseSettings
from opsrail.stream.hints import Hints
from opsrail_sdk.contracts.run import RunState
from opsrail_sdk.contracts.subjects import CORE_SERVICE
from opsrail_sdk.tasks import end

log = structlog.get_logger()

LEASE = timedelta(seconds=15)
POLL_SECONDS = 1.0
MOST_HELD = 200
MOST_OWNERS = 50
"""Processes that may die with a flow in hand before it is taken for what kills them."""
_UNWIND_SECONDS = 5.0
_GATHER_SECONDS = 0.01
"""Between two looks for work, in which hints gather."""

ENDED = Counter("opsrail_flows_total", "Flows that came to an end", ["flow", "state"])
LET_GO = Counter("opsrail_flows_let_go_total", "Times that a flow was put down to wait")

_Result = tuple[str, dict[str, Any] | None, dict[str, Any] | None]


class Flows:
    """A worker that runs the flows of a registry."""

    name = "flows"

    def __init__(
        self,
        database: Database,
        hints: Hints,
        registry: Registry,
        settings: DatabaseSettings,
        *,
        lease: timedelta = LEASE,
        most: int = MOST_HELD,
    ) -> None:
        self._database = database
        self._store = Store(settings)
        self._settings = settings
        self._hints = hints
        self._registry = registry
        self._lease = lease
        self._most = most
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._held: dict[uuid.UUID, tuple[FlowContext, asyncio.Task[None], int]] = {}
        self._free = asyncio.Event()
        self._wakes: list[datetime] = []

    async def run(self, stop: asyncio.Event) -> None:
        self._store = Store(self._settings)
        await self._store.open()
        try:
            await self._run(stop)
        finally:
            await self._store.close()

    async def _run(self, stop: asyncio.Event) -> None:
        beating = asyncio.create_task(self._beat())
        explaining = 0.0
        loop = asyncio.get_running_loop()
        try:
            with self._hints.listen(QUEUE) as work:
                while not stop.is_set():
                    claimed = await self._claim()
                    if beating.done():
                        beating.result()
                    if claimed == 0 and loop.time() >= explaining:
                        await self._store.explain_waiting(self._registry)
                        explaining = loop.time() + 5
                    await self._look_at_parked()
                    if len(self._held) >= self._most:
                        self._free.clear()
                        await self._free.wait()
                    elif claimed == 0:
                        await asyncio.sleep(_GATHER_SECONDS)
                        await work.wait(self._patience())
        finally:
            await end(beating)
            await self._let_all_go()

    async def _claim(self) -> int:
        now = datetime.now(UTC)
        while self._wakes and self._wakes[0] <= now:
            heapq.heappop(self._wakes)
        claimed = await self._store.claim(
            self._owner, self._registry, lease=self._lease, limit=self._most - len(self._held)
        )
        for one in claimed:
            flow = self._registry.find(one.name, one.version)
            assert flow is not None
            holder = _Holder(one, self._owner, self._store, self._database, self._hints)
            context = FlowContext(one, holder)
            task = asyncio.create_task(self._carry(one, flow.function, context), name=f"flow {one.name} {one.id}")
            self._held[one.id] = (context, task, one.wakes)
        return len(claimed)

    async def _carry(self, claimed: Claimed, function: Function, context: FlowContext) -> None:
        """Run a flow until it ends, only waits, or is no longer ours."""
        try:
            if claimed.attempt > MOST_OWNERS:
                message = f"{MOST_OWNERS} processes died with this flow in hand"
                await self._settle(claimed, (RunState.INTERRUPTED, None, {"code": "crash_loop", "message": message}))
                return
            work = asyncio.create_task(self._call(claimed, function, context))
            idle = asyncio.create_task(self._until_idle(context))
            try:
                await asyncio.wait({work, idle}, return_when=asyncio.FIRST_COMPLETED)
                if work.done():
                    context.abandon()
                    await self._settle(claimed, work.result())
                else:
                    wake_at = context.branches.next_wake
                    context.abandon()
                    await _unwind(work)
                    await self._put_down(claimed, wake_at)
            finally:
                context.abandon()
                idle.cancel()
                await _unwind(work)
        except (LeaseLost, asyncio.CancelledError):
            log.info("flow.lost", run_id=str(claimed.id))
        except (psycopg.Error, PoolTimeout, OSError) as error:
            log.warning("flow.dropped", run_id=str(claimed.id), reason=type(error).__name__)
        finally:
            self._held.pop(claimed.id, None)
            self._free.set()

    async def _call(self, claimed: Claimed, function: Function, context: FlowContext) -> _Result:
        with structlog.contextvars.bound_contextvars(correlation_id=claimed.correlation_id):
            try:
                output = await function(context, claimed.input)
            except FlowCancelled as told:
                return RunState.CANCELLED, None, {"code": "cancelled", "message": told.reason}
            except ActionFailed as error:
                detail = {"run_id": error.run_id, "state": error.state}
                return RunState.FAILED, None, {"code": error.code, "message": str(error), "detail": detail}
            except (StepFailed, FlowError) as error:
                code = error.code if isinstance(error, StepFailed) else "flow_error"
                return RunState.FAILED, None, {"code": code, "message": str(error)}
            except (psycopg.Error, PoolTimeout):
                raise
            except Exception as error:
                log.exception("flow.failed", flow=claimed.name, run_id=str(claimed.id))
                message = f"failed in a way nobody planned for: {type(error).__name__}"
                return RunState.FAILED, None, {"code": "unexpected", "message": message}
        if output is not None and not isinstance(output, dict):
            return RunState.FAILED, None, {"code": "flow_error", "message": "the flow returned no JSON object"}
        return (RunState.CANCELLED if context.cancel_told else RunState.SUCCEEDED), output, None

    async def _until_idle(self, context: FlowContext) -> None:
        while True:
            await context.idle.wait()
            if context.branches.idle:
                return
            await asyncio.sleep(0)

    async def _settle(self, claimed: Claimed, result: _Result) -> None:
        state, output, error = result
        settled = Settled(claimed.id, self._owner, state, claimed.wakes, output=output, error=error)
        kept, woken = await self._store.settle(settled)
        if not kept:
            raise LeaseLost
        ENDED.labels(claimed.name, state).inc()
        await self._hints.send(claimed.org_id, "run", claimed.id)
        await self._hints.send(claimed.org_id, QUEUE, claimed.id)
        for org_id, parent in woken:
            await self._hints.send(org_id, QUEUE, parent)

    async def _put_down(self, claimed: Claimed, wake_at: datetime | None) -> None:
        await self._store.settle(Settled(claimed.id, self._owner, RunState.RUNNING, claimed.wakes, wake_at))
        LET_GO.inc()
        if wake_at is not None:
            heapq.heappush(self._wakes, wake_at)
        if wake_at is None or wake_at <= datetime.now(UTC):
            await self._hints.send(claimed.org_id, QUEUE, claimed.id)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            held = list(self._held)
            if held:
                await self._compare(held, await self._store.heartbeat(self._owner, held, lease=self._lease))

    async def _look_at_parked(self) -> None:
        """Flows that we hold and that wait in one branch while another works may have been called."""
        waiting = [run_id for run_id, (context, _, _) in self._held.items() if context.branches.parked]
        if waiting:
            await self._compare(waiting, await self._store.heartbeat(self._owner, waiting, lease=self._lease))

    async def _compare(self, asked: list[uuid.UUID], standing: Mapping[uuid.UUID, Call]) -> None:
        for run_id in asked:
            if run_id not in self._held:
                continue
            context, task, wakes = self._held[run_id]
            if context.over:
                continue
            call = standing.get(run_id)
            if call is None:
                context.abandon()
                task.cancel()
            elif call.wakes != wakes:
                self._held[run_id] = (context, task, call.wakes)
                context.call(call.cancel_reason)

    async def _let_all_go(self) -> None:
        """Stop in good order: what we hold goes back at once, for a sibling."""
        held = list(self._held.items())
        for _, (context, task, _) in held:
            context.abandon()
            task.cancel()
        await asyncio.gather(*(task for _, (_, task, _) in held), return_exceptions=True)
        with suppress(psycopg.Error, PoolTimeout):
            await asyncio.gather(
                *(self._store.settle(Settled(run_id, self._owner, RunState.RUNNING, -1, None)) for run_id, _ in held)
            )

    def _patience(self) -> float:
        """Until the next flow that we put down is due, if that is soon."""
        if not self._wakes:
            return POLL_SECONDS
        return min(POLL_SECONDS, max(0.001, (self._wakes[0] - datetime.now(UTC)).total_seconds()))


class _Holder:
    """What a context needs of the engine, for one flow."""

    def __init__(self, claimed: Claimed, owner: str, store: Store, database: Database, hints: Hints) -> None:
        self._claimed = claimed
        self._owner = owner
        self._store = store
        self._database = database
        self._hints = hints

    async def write(self, entry: Entry, *, take: str | None = None) -> Entry | None:
        return await self._store.write(Write(self._claimed.id, self._owner, entry, take))

    async def start_action(
        self, agent: str, action: str, input: Mapping[str, Any], *, key: str, dry_run: bool
    ) -> str:
        wish = Wish(
            agent=agent,
            action=action,
            input=input,
            requested_by=f"{CORE_SERVICE}:{self._claimed.name}",
            correlation_id=self._claimed.correlation_id,
            dry_run=dry_run,
            key=key,
            traceparent=self._claimed.traceparent,
            parent_id=self._claimed.id,
        )
        try:
            async with self._database.organisation(self._claimed.org_id) as session:
                asker = Asker.named(wish.requested_by, via="flow")
                created = await making.create(session, self._claimed.org_id, wish, asker)
            created.require_allowed()
        except OrchestratorError as error:
            raise StepFailed(f"{agent}.{action}", error.code, error.detail) from error
        await service.notify(self._hints, self._claimed.org_id, created.run.id)
        return str(created.run.id)

    async def cancel_action(self, run_id: str, reason: str) -> None:
        ident = uuid.UUID(run_id)
        with suppress(OrchestratorError):
            async with self._database.organisation(self._claimed.org_id) as session:
                await service.request_cancel(session, ident, reason, by=f"{CORE_SERVICE}:{self._claimed.name}")
            await service.notify(self._hints, self._claimed.org_id, ident)


async def _unwind(work: asyncio.Task[Any]) -> None:
    """End a flow's function that has nothing more to say; whatever it raises on the way is of no account."""
    if not work.done():
        work.cancel()
        await asyncio.wait({work}, timeout=_UNWIND_SECONDS)
    if work.done() and not work.cancelled():
        work.exception()
