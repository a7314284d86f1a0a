"""One delivery of a command: verify, claim, hold, call, write down, acknowledge.

A ``Worker`` of ``process`` hands deliveries in. Nothing is acknowledged before the run's status is on disk, and no
code of the agent's author runs before the capability was verified and the run claimed.
"""

import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import structlog
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from pydantic import BaseModel, ValidationError

from opsrail_sdk import capability, telemetry
from opsrail_sdk.agent import Action, Agent
from opsrail_sdk.attempt import Attempt
from opsrail_sdk.bus import Bus
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.run import ActionCommand, CommandRefused, RunError, RunState, RunStatus
from opsrail_sdk.errors import Refused, Unavailable
from opsrail_sdk.fence import FINAL_PATIENCE, Fence, FenceLost, LastStatus, last_status
from opsrail_sdk.live_context import utc_now
from opsrail_sdk.outcome import Outcome, Stop, invalid_input, of_stop
from opsrail_sdk.settings import AgentSettings
from opsrail_sdk.streams import ACK_WAIT

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_LATER = timedelta(seconds=1)
_CLAIM_PATIENCE = ACK_WAIT * 2 / 3
"""How long a claim is offered to a slow bus. One that is given up counts as begun; the command is ours until then."""
_HEARINGS = 4
"""Deliveries until a key that we have not heard of counts as forged: a rotated one may be on its way."""


class Executor:
    """Runs commands of one agent process. Shared by its workers."""

    def __init__(
        self,
        agent: Agent,
        bus: Bus,
        settings: AgentSettings,
        *,
        keys: Callable[[], capability.Keys],
        config: Callable[[], BaseModel],
        on_result: Callable[[BaseException | None], None],
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._agent = agent
        self._bus = bus
        self._settings = settings
        self._keys = keys
        self._config = config
        self._on_result = on_result
        self._clock = clock
        self._actions = {action.spec.name: action for action in agent.actions}
        self._attempts: dict[str, Attempt] = {}
        self._voice = uuid.uuid4().hex
        """Ours alone: whoever guessed the ids of our messages could have them taken for repeated ones."""

    @property
    def in_flight(self) -> int:
        return len(self._attempts)

    def cancel(self, run_id: str) -> None:
        """Somebody asked for the run to end. Not ours: nothing happens."""
        if attempt := self._attempts.get(run_id):
            attempt.stop(Stop.CANCELLED)

    def hand_over(self) -> None:
        """End everything, so that siblings can take over."""
        for attempt in self._attempts.values():
            attempt.stop(Stop.DRAINED)

    async def deliver(self, message: Msg) -> None:
        """Handle one delivery to its end. Never raises for what a command or handler does."""
        try:
            command = ActionCommand.model_validate_json(message.data)
        except ValidationError as error:
            log.error("command_unreadable", subject=message.subject, error=str(invalid_input(error)))  # noqa: TRY400
            await message.term()
            return
        with telemetry.handling(
            f"{command.agent}.{command.action}",
            destination=message.subject,
            message_id=command.run_id,
            correlation_id=command.correlation_id,
            parent=command.traceparent,
            attributes={"opsrail.run.id": command.run_id, "opsrail.org.id": command.org_id},
        ) as span:
            try:
                outcome = await self._govern(message, command)
            except FenceLost:
                log.warning("run_lost", run_id=command.run_id)
            except (Unavailable, NatsError) as error:
                log.warning("run_put_back", run_id=command.run_id, error=str(error))
                with suppress(NatsError):
                    await message.nak(_LATER.total_seconds())
            else:
                if outcome is not None and outcome.error is not None:
                    telemetry.mark_failed(span, outcome.error.code)

    async def _govern(self, message: Msg, command: ActionCommand) -> Outcome | None:
        try:
            action = self._verified(command)
        except Refused as error:
            hearing = message.metadata.num_delivered
            if error.code == "capability_unknown_key" and hearing < _HEARINGS:
                await message.nak(self._settings.retry_base.total_seconds() * (1 << hearing))
            else:
                await self._refuse(message, command, error)
            return None
        org, order = self._settings.org, message.metadata.sequence.stream
        held = self._attempts.get(command.run_id)
        if held is not None and held.order == order:
            await message.nak(_LATER.total_seconds())
            return None
        last = await last_status(self._bus, org, self._agent.id, command.run_id)
        if last.status is not None and last.status.order not in {None, order}:
            replayed = Refused("the run is not under this command but another", code="capability_replayed")
            await self._refuse(message, command, replayed)
            return None
        if last.finished:
            await message.ack_sync(timeout=5)
            return None
        fence = Fence(self._bus, org, self._agent.id, command.run_id, last.sequence)
        taken_over = last.status is not None and not last.released
        given_up = await self._given_up(command, action, last, taken_over=taken_over)
        if given_up is not None:
            status = self._status(command, order, last.attempt or 1, given_up)
            await self._finish(message, fence, status)
            return given_up
        status = self._status(command, order, last.attempt + 1, Outcome(RunState.RUNNING))
        await fence.write(status, patience=_CLAIM_PATIENCE)
        attempt = Attempt(
            self._bus,
            self._settings,
            message=message,
            command=command,
            action=action,
            fence=fence,
            status=status,
            config=self._config,
            clock=self._clock,
        )
        self._attempts[command.run_id] = attempt
        try:
            outcome = await attempt.run()
        finally:
            del self._attempts[command.run_id]
        self._on_result(attempt.error)
        await self._finish(message, fence, self._status(command, order, status.attempt, outcome), outcome)
        return outcome

    def _verified(self, command: ActionCommand) -> Action[Any, Any]:
        """The action that a command may run.

        Raises:
            Refused: it may not.
        """
        if command.org_id != self._settings.org or command.agent != self._agent.id:
            raise Refused("the command is for somebody else", code="capability_wrong_audience")
        capability.verify(
            command.capability,
            keys=self._keys(),
            org_id=command.org_id,
            agent=command.agent,
            action=command.action,
            input=command.input,
            run_id=command.run_id,
            dry_run=command.dry_run,
        )
        action = self._actions.get(command.action)
        if action is None:
            raise Refused(f"{self._agent.id} has no action {command.action}", code="unknown_action")
        if command.dry_run and not action.spec.dry_run:
            raise Refused(f"{command.action} cannot be tried dry", code="dry_run_unsupported")
        return action

    async def _refuse(self, message: Msg, command: ActionCommand, error: Refused) -> None:
        """Tell of a refusal, and as a failed run too where nobody has begun it."""
        log.warning("command_refused", run_id=command.run_id, code=error.code, reason=str(error))
        order = message.metadata.sequence.stream
        why = RunError(code=error.code, message=str(error))
        await self._tell(command, order, why)
        if (command.org_id, command.agent) == (self._settings.org, self._agent.id):
            with suppress(FenceLost):
                status = self._status(command, order, 1, Outcome(RunState.FAILED, why))
                await Fence(self._bus, self._settings.org, self._agent.id, command.run_id, 0).write(status)
        await message.term()

    async def _tell(self, command: ActionCommand, order: int, why: RunError) -> None:
        """On disk before the command is dropped; the same thing again is told once per duplicate window."""
        refused = CommandRefused(
            run_id=command.run_id,
            org_id=self._settings.org,
            agent=self._agent.id,
            instance=self._settings.agent_instance,
            order=order,
            at=self._clock(),
            error=why,
        )
        await self._bus.publish(
            subjects.run_refused(self._settings.org, self._agent.id, command.run_id),
            refused.encode(),
            message_id=f"{self._voice}:{command.run_id}:{why.code}",
        )

    async def _given_up(
        self, command: ActionCommand, action: Action[Any, Any], last: LastStatus, *, taken_over: bool
    ) -> Outcome | None:
        """Why the run ends without another attempt, if it does."""
        cancel = subjects.run_cancel(self._settings.org, self._agent.id, command.run_id)
        if await self._bus.last(subjects.RUNS, cancel) is not None:
            return of_stop(Stop.CANCELLED, action.spec)
        if taken_over and not action.spec.idempotent:
            gone = "whoever ran it is gone, and running it again might do harm"
            return Outcome(RunState.INTERRUPTED, RunError(code="interrupted", message=gone))
        if last.attempt >= action.spec.max_attempts:
            used = f"{last.attempt} attempts and none came to an end"
            return Outcome(RunState.FAILED, RunError(code="attempts_exhausted", message=used))
        return None

    async def _finish(self, message: Msg, fence: Fence, status: RunStatus, outcome: Outcome | None = None) -> None:
        """Write the outcome down, then acknowledge, or give the command back."""
        await fence.write(status, patience=FINAL_PATIENCE)
        if outcome is not None and outcome.again:
            delay = outcome.delay.total_seconds() if outcome.delay else None
            await message.nak(delay)
            return
        log.info("run_finished", run_id=status.run_id, state=status.state.value, attempt=status.attempt)
        with suppress(NatsError):  # a lost acknowledgement means one more delivery, which sees the final status
            await message.ack_sync(timeout=5)

    def _status(self, command: ActionCommand, order: int, attempt: int, outcome: Outcome) -> RunStatus:
        message = None
        if outcome.again and outcome.error is not None:
            seconds = outcome.delay.total_seconds() if outcome.delay else 0
            message = f"retrying in {seconds:.0f} s: {outcome.error.message}"
        return RunStatus(
            run_id=command.run_id,
            org_id=command.org_id,
            state=outcome.state,
            attempt=attempt,
            at=self._clock(),
            agent=self._agent.id,
            instance=self._settings.agent_instance,
            order=order,
            message=message,
            output=outcome.output,
            error=outcome.error,
        )
