"""One attempt of a claimed run: keep the lease, run the handler, say what its end means.

``execution`` makes one per claimed delivery and writes the outcome down.
"""

import asyncio
import shutil
import tempfile
import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import structlog
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from pydantic import BaseModel, ValidationError

from opsrail_sdk import masking
from opsrail_sdk.agent import Action
from opsrail_sdk.bus import Bus
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.run import ActionCommand, RunError, RunState, RunStatus
from opsrail_sdk.errors import AgentError, PermanentError, Unavailable
from opsrail_sdk.fence import Fence, FenceLost
from opsrail_sdk.live_context import LiveActionContext
from opsrail_sdk.outcome import Outcome, Stop, invalid_input, of_error, of_stop
from opsrail_sdk.run_log import RunLogger
from opsrail_sdk.settings import AgentSettings
from opsrail_sdk.tasks import end, set_within

_ROOM = 64 * 1024
"""Bytes of a message that are left for what surrounds an output."""

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class Attempt:
    """A run in our hands. ``stop`` ends it from outside."""

    def __init__(
        self,
        bus: Bus,
        settings: AgentSettings,
        *,
        message: Msg,
        command: ActionCommand,
        action: Action[Any, Any],
        fence: Fence,
        status: RunStatus,
        config: Callable[[], BaseModel],
        clock: Callable[[], datetime],
    ) -> None:
        self._bus = bus
        self._settings = settings
        self._message = message
        self._command = command
        self._action = action
        self._fence = fence
        self._status = status
        self._config = config
        self._clock = clock
        self.order = message.metadata.sequence.stream
        """Sequence of the command in ``ACTIONS``."""
        self.error: Exception | None = None
        """What the handler raised."""
        self._stopped: asyncio.Future[Stop] = asyncio.get_running_loop().create_future()
        self._masker = masking.Masker()
        self._lines = RunLogger(
            bus,
            org_id=command.org_id,
            agent_id=command.agent,
            run_id=command.run_id,
            attempt=status.attempt,
            masker=self._masker,
            clock=clock,
        )

    def stop(self, reason: Stop) -> None:
        """End the handler; the first reason counts."""
        if not self._stopped.done():
            self._stopped.set_result(reason)

    async def run(self) -> Outcome:
        """Run the handler to its end, log lines sent.

        Raises:
            FenceLost: the run belongs to somebody else now.
        """
        lease = asyncio.create_task(self._keep_lease())
        try:
            outcome = await self._call()
            if outcome.error is not None:
                told = RunError.model_validate(self._masker.value(outcome.error.model_dump(exclude_none=True)))
                outcome = Outcome(outcome.state, told, outcome.output, outcome.delay)
                self._lines.add(f"{told.code}: {told.message}", stream="system")
            await self._lines.close()
            return outcome
        finally:
            await end(lease)
            await self._lines.close(timedelta(0))

    async def _call(self) -> Outcome:
        timeout = self._action.spec.timeout
        workdir = await asyncio.to_thread(self._make_workdir)
        context: LiveActionContext[BaseModel] = LiveActionContext(
            self._bus,
            command=self._command,
            status=self._status,
            fence=self._fence,
            masker=self._masker,
            lines=self._lines,
            workdir=workdir,
            deadline=self._clock() + timeout,
            config=self._config,
            clock=self._clock,
        )
        work = asyncio.create_task(self._run_handler(context))
        try:
            ends: set[asyncio.Future[Any]] = {work, self._stopped}
            await asyncio.wait(ends, timeout=timeout.total_seconds(), return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                return await self._end_early(work)
            return Outcome(RunState.SUCCEEDED, output=self._masker.value(work.result()))
        except FenceLost:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a handler raises has a meaning
            return self._outcome_of(error)
        finally:
            work.cancel()
            await asyncio.to_thread(shutil.rmtree, workdir, ignore_errors=True)

    async def _run_handler(self, context: LiveActionContext[BaseModel]) -> dict[str, Any]:
        masking.current.set(self._masker)
        try:
            parsed = self._action.input_model.model_validate(self._command.input)
        except ValidationError as error:
            raise invalid_input(error) from error
        result = await self._action(context, parsed)
        output: dict[str, Any] = self._action.output_model.model_validate(result).model_dump(mode="json")
        size = len(orjson.dumps(output))
        if size > self._bus.max_payload - _ROOM:
            raise PermanentError(f"the output has {size} bytes, too many for the bus", code="output_too_large")
        return output

    async def _end_early(self, work: asyncio.Task[dict[str, Any]]) -> Outcome:
        reason = self._stopped.result() if self._stopped.done() else Stop.TIMED_OUT
        log.info("attempt_stopped", run_id=self._command.run_id, reason=reason.value)
        work.cancel(reason.value)  # the handler reads why from the CancelledError
        await asyncio.wait({work}, timeout=self._settings.cancel_grace.total_seconds())
        if not work.done():
            log.error("handler_ignores_cancel", run_id=self._command.run_id)
        elif not work.cancelled() and (error := work.exception()) is not None:
            log.debug("handler_failed_while_stopping", error=self._masker.text(repr(error)))
        if reason is Stop.FENCE_LOST:
            raise FenceLost(self._command.run_id)
        return of_stop(reason, self._action.spec)

    def _outcome_of(self, error: Exception) -> Outcome:
        self.error = error
        if not isinstance(error, AgentError):
            text = self._masker.text("".join(traceback.format_exception(error)))
            log.error("action_failed", run_id=self._command.run_id, error=text)
        return of_error(
            error,
            self._action.spec,
            self._status.attempt,
            base=self._settings.retry_base,
            limit=self._settings.retry_limit,
        )

    async def _keep_lease(self) -> None:
        """Say that we are at it, and look whether we still should be."""
        cancel = subjects.run_cancel(self._settings.org, self._command.agent, self._command.run_id)
        while not self._fence.lost.is_set():
            with suppress(FenceLost, Unavailable, NatsError):
                await self._message.in_progress()
                if await self._bus.last(subjects.RUNS, cancel) is not None:
                    self.stop(Stop.CANCELLED)
                await self._fence.check()
            await set_within(self._settings.lease, self._fence.lost)
        self.stop(Stop.FENCE_LOST)

    def _make_workdir(self) -> Path:
        parent = self._settings.workdir / f"{self._command.agent}-{self._settings.agent_instance}"
        parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Path(tempfile.mkdtemp(prefix=f"{self._command.run_id[:8]}-", dir=parent))
