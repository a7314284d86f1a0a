"""What a flow is given. Everything in it is journalled, so that a replay sees what the first run saw."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar
from uuid import UUID, uuid4

import orjson
import structlog

from opsrail.durable.errors import ActionFailed, FlowCancelled, LeaseLost, SignalTimeout, StepFailed, described
from opsrail.durable.schedule import CANCEL, Book, Branches, Entry, Perform, Replay, Retry, Wait
from opsrail.durable.store import Claimed
from opsrail_sdk.contracts.run import RunState
from opsrail_sdk.errors import PermanentError, RetryableError

log = structlog.get_logger()

T = TypeVar("T")
_branch: ContextVar[str] = ContextVar("branch", default="")
_DEFAULT_RETRY = Retry()
_DEFAULT_TIMEOUT = timedelta(minutes=5)


@dataclass(frozen=True)
class StepContext:
    """One attempt of a step."""

    idempotency_key: str
    """The same for every attempt, also after a crash: what the outside world can tell a repeat by."""
    attempt: int
    deadline: datetime


StepFunction = Callable[[StepContext], Awaitable[Any]]


class Holder(Protocol):
    """The engine, as a flow's context needs it."""

    async def write(self, entry: Entry, *, take: str | None = None) -> Entry | None:
        """Journal an entry; None where a signal is not there. Raises ``LeaseLost``."""
        ...

    async def start_action(
        self, agent: str, action: str, input: Mapping[str, Any], *, key: str, dry_run: bool
    ) -> str:
        """Create the child run, once per key; its id."""
        ...

    async def cancel_action(self, run_id: str, reason: str) -> None:
        """Ask a child run to end; one that has ended already is no error."""
        ...


class FlowContext:
    """Operations of one flow. Names are unique within it; in a loop give them a number."""

    def __init__(self, claimed: Claimed, holder: Holder, *, clock: Callable[[], datetime] | None = None) -> None:
        self.run_id = str(claimed.id)
        self.org_id = str(claimed.org_id)
        self.correlation_id = claimed.correlation_id
        self.branches = Branches()
        self.idle = asyncio.Event()
        """Set while every branch waits for the clock or a signal; the engine then lets go of the flow."""
        self._book = Book(claimed.journal)
        self._holder = holder
        self._clock = clock or (lambda: datetime.now(UTC))
        self._cancel_reason = claimed.cancel_reason
        self._called = asyncio.Event()
        self._raised: set[str] = set()
        self._over = False

    async def step(
        self,
        name: str,
        function: StepFunction,
        *,
        retry: Retry = _DEFAULT_RETRY,
        timeout: timedelta = _DEFAULT_TIMEOUT,  # noqa: ASYNC109 (durable: it outlives the process)
    ) -> Any:
        """Do something to the world; its result as JSON. At least once: twice if the process dies in between.

        Args:
            timeout: of one attempt.

        Raises:
            StepFailed: the last attempt failed, or the error says that another one cannot help.
        """
        key = await self._enter(self._book.named(_branch.get(), "step", name))
        while True:
            decision = self._book.decide(key, self._clock())
            if isinstance(decision, Replay):
                return self._given(key, decision)
            if isinstance(decision, Wait):
                await self._park(decision.until)
                await self._point(key)
                continue
            await self._write(await self._attempt(key, function, decision.attempt, retry, timeout))

    async def sleep(self, duration: timedelta) -> None:
        """Wait, also through restarts. The time counts from the first time that the flow comes here."""
        key = await self._enter(self._book.counted(_branch.get(), "sleep"))
        if self._book.find(key) is None:
            await self._write(Entry(key, "sleep", 0, self._clock() + duration))
        while not isinstance(decision := self._book.decide(key, self._clock()), Replay):
            if isinstance(decision, Perform):
                await self._write(Entry(key, "sleep", 1, finished=True))
            else:
                await self._park(decision.until)
                await self._point(key)

    async def wait_signal(
        self,
        name: str,
        *,
        timeout: timedelta | None = None,  # noqa: ASYNC109 (durable: it outlives the process)
    ) -> dict[str, Any] | None:
        """Wait for a signal; its payload. One that came before is there at once; each is given to one wait only.

        Raises:
            SignalTimeout: none came in time.
        """
        key = await self._enter(self._book.counted(_branch.get(), f"signal:{name}"))
        kind = f"signal:{name}"
        while True:
            known = self._book.find(key)
            if known is not None and known.finished:
                payload: dict[str, Any] | None = self._given(key, Replay(known.result, known.error))
                return payload
            taken = await self._holder.write(Entry(key, kind, 1, finished=True), take=name)
            if taken is not None:
                self._book.note(taken)
                continue
            if known is None and timeout is not None:
                known = Entry(key, kind, 0, self._clock() + timeout)
                await self._write(known)
            deadline = known.wake_at if known else None
            if deadline is not None and deadline <= self._clock():
                error = {"code": "signal_timeout", "message": f"no signal {name!r} in time"}
                await self._write(Entry(key, kind, 1, error=error, finished=True))
                continue
            await self._park(deadline)
            await self._point(key)

    async def run_action(
        self,
        name: str,
        input: Mapping[str, Any],
        *,
        dry_run: bool = False,
        timeout: timedelta | None = None,  # noqa: ASYNC109 (durable: it outlives the process)
    ) -> dict[str, Any] | None:
        """Ask for ``agent.action`` and wait for its end; its output. A cancelled flow cancels that run.

        Raises:
            ActionFailed: it ended other than well.
            SignalTimeout: it did not end in time; it goes on by itself.
        """
        agent, _, action = name.partition(".")
        key = self._book.counted(_branch.get(), f"run:{name}")

        async def start(step: StepContext) -> str:
            return await self._holder.start_action(agent, action, input, key=step.idempotency_key, dry_run=dry_run)

        run_id = await self.step(f"{key}:start", start)
        try:
            ended = await self.wait_signal(f"run:{run_id}", timeout=timeout) or {}
        except FlowCancelled as told:
            await self._holder.cancel_action(run_id, told.reason)
            raise
        if ended.get("state") not in {RunState.SUCCEEDED, RunState.VERIFIED}:
            error = ended.get("error") or {}
            state = str(ended.get("state"))
            raise ActionFailed(
                name,
                error.get("code", state),
                error.get("message", f"the run is {state}"),
                run_id=run_id,
                state=state,
            )
        output: dict[str, Any] | None = ended.get("output")
        return output

    async def gather(self, *branches: Coroutine[Any, Any, T]) -> list[T]:
        """Run branches side by side; their results in order. All come to their end before an error is raised."""
        if not branches:
            return []
        prefix = self._book.counted(_branch.get(), "gather")
        self.branches.split(len(branches))
        tasks = [
            asyncio.create_task(self._in_branch(f"{prefix}.{index}/", branch))
            for index, branch in enumerate(branches)
        ]
        try:
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise
        self.branches.join()
        failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        if failures:
            raise next((one for one in failures if not isinstance(one, Exception)), failures[0])
        return [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]

    async def now(self) -> datetime:
        """The time when the flow first came here."""
        moment = await self._once("now", lambda: self._clock().isoformat())
        return datetime.fromisoformat(moment)

    async def uuid(self) -> UUID:
        """A random id, the same on every replay."""
        return UUID(await self._once("uuid", lambda: str(uuid4())))

    def call(self, cancel_reason: str | None) -> None:
        """Something called for the flow: parked branches look again. Used by the engine."""
        self._cancel_reason = self._cancel_reason or cancel_reason
        self._called.set()

    def abandon(self) -> None:
        """From now on nothing has an effect: the flow is being let go of. Used by the engine."""
        self._over = True

    @property
    def over(self) -> bool:
        return self._over

    @property
    def cancel_told(self) -> bool:
        """Whether the flow has been told that it is cancelled."""
        return self._book.cancelled_near("")

    async def _once(self, kind: str, make: Callable[[], str]) -> str:
        key = await self._enter(self._book.counted(_branch.get(), kind))
        known = self._book.find(key) or await self._write(Entry(key, kind, 1, result=make(), finished=True))
        value: str = known.result
        return value

    async def _enter(self, key: str) -> str:
        await self._point(key)
        return key

    async def _point(self, key: str) -> None:
        """A place where the flow can be told to end: an operation whose result is not in the journal.

        Each branch is told once, and at the same place on every replay; what gathered branches were told comes up
        through ``gather`` and is not told again.
        """
        if self._over:
            raise LeaseLost
        branch = _branch.get()
        told = self._book.find(f"{branch}{CANCEL}")
        if told is not None and told.result["at"] == key and branch not in self._raised:
            self._raised.add(branch)
            raise FlowCancelled(told.result["reason"])
        known = self._book.find(key)
        if self._cancel_reason is None or (known is not None and known.finished) or self._book.cancelled_near(branch):
            return
        result = {"at": key, "reason": self._cancel_reason}
        await self._write(Entry(f"{branch}{CANCEL}", CANCEL, result=result, finished=True))
        self._raised.add(branch)
        raise FlowCancelled(self._cancel_reason)

    async def _attempt(self, key: str, function: StepFunction, attempt: int, retry: Retry, limit: timedelta) -> Entry:
        context = StepContext(f"{self.run_id}/{key}", attempt, self._clock() + limit)
        try:
            async with asyncio.timeout(limit.total_seconds()):
                result = await function(context)
            return Entry(key, "step", attempt, result=_json(key, result), finished=True)
        except Exception as error:
            if not isinstance(error, (StepFailed, PermanentError, RetryableError, TimeoutError)):
                log.warning("flow.step_failed", run_id=self.run_id, step=key, attempt=attempt, exc_info=True)
            final = isinstance(error, (StepFailed, PermanentError)) or attempt >= retry.attempts
            if final:
                return Entry(key, "step", attempt, error=described(error), finished=True)
            after = error.retry_after if isinstance(error, RetryableError) else None
            wake_at = self._clock() + retry.pause(attempt, retry_after=after)
            return Entry(key, "step", attempt, wake_at, error=described(error))

    def _given(self, key: str, replay: Replay) -> Any:
        if replay.error is None:
            return replay.result
        code, message = replay.error["code"], replay.error["message"]
        raise (SignalTimeout if code == "signal_timeout" else StepFailed)(key, code, message)

    async def _write(self, entry: Entry) -> Entry:
        if self._over:
            raise LeaseLost
        written = await self._holder.write(entry)
        if written is None:
            raise LeaseLost
        self._book.note(written)
        return written

    async def _park(self, until: datetime | None) -> None:
        """Wait for the clock or a call; the flow may be let go of meanwhile."""
        ticket = self.branches.park(until)
        if self.branches.idle:
            self.idle.set()
        try:
            seconds = None if until is None else max(0.0, (until - self._clock()).total_seconds())
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._called.wait()
            self._called.clear()
        finally:
            self.branches.unpark(ticket)
            self.idle.clear()

    async def _in_branch(self, prefix: str, branch: Coroutine[Any, Any, T]) -> T:
        _branch.set(prefix)
        try:
            return await branch
        finally:
            self.branches.end()
            if self.branches.idle:
                self.idle.set()


def _json(key: str, value: Any) -> Any:
    """The value as the journal can hold it.

    Raises:
        StepFailed: it is no JSON.
    """
    try:
        body = orjson.dumps(value)
    except TypeError as error:
        raise StepFailed(key, "result_not_json", f"the result is no JSON: {error}") from error
    if b"\\u0000" in body:
        raise StepFailed(key, "result_not_json", "the result contains the character U+0000")
    return orjson.loads(body)
