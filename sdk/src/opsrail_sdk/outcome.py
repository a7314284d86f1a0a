"""What an attempt's end means for the run: pure decisions, written down by ``execution``."""

import random
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from pydantic import ValidationError

from opsrail_sdk.contracts.manifest import ActionSpec
from opsrail_sdk.contracts.run import RunError, RunState
from opsrail_sdk.errors import AgentError, ApprovalRequired, InvalidInput, PermanentError, RetryableError, SetupError


class Stop(StrEnum):
    """Why an attempt was ended from outside."""

    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    DRAINED = "drained"
    FENCE_LOST = "fence_lost"


@dataclass(frozen=True)
class Outcome:
    """``state`` is written; ``running`` means that the command goes back, to be tried again after ``delay``."""

    state: RunState
    error: RunError | None = None
    output: dict[str, Any] | None = None
    delay: timedelta | None = None

    @property
    def again(self) -> bool:
        return self.state is RunState.RUNNING


def of_error(error: BaseException, spec: ActionSpec, attempt: int, *, base: timedelta, limit: timedelta) -> Outcome:
    """Map what a handler raised. Of unexpected errors only the type is told: their text is for the process log."""
    if isinstance(error, RetryableError):
        described = RunError(code=error.code, message=str(error), detail=error.detail)
        if attempt >= spec.max_attempts:
            return Outcome(RunState.FAILED, described)
        return Outcome(RunState.RUNNING, described, delay=pause(attempt, base, limit, error.retry_after))
    if isinstance(error, (PermanentError, ApprovalRequired, SetupError, AgentError)):
        return Outcome(RunState.FAILED, RunError(code=error.code, message=str(error), detail=error.detail))
    described = RunError(
        code="unexpected", message=f"the action failed in a way nobody planned for: {type(error).__name__}"
    )
    if not spec.idempotent:
        return Outcome(RunState.INTERRUPTED, described)
    if attempt >= spec.max_attempts:
        return Outcome(RunState.FAILED, described)
    return Outcome(RunState.RUNNING, described, delay=pause(attempt, base, limit))


def of_stop(stop: Stop, spec: ActionSpec) -> Outcome:
    """Map an end from outside. ``fence_lost`` has no outcome: it is the new holder's to write."""
    if stop is Stop.CANCELLED:
        return Outcome(RunState.CANCELLED, RunError(code="cancelled", message="cancelled on request"))
    if stop is Stop.TIMED_OUT:
        seconds = spec.timeout.total_seconds()
        return Outcome(RunState.TIMED_OUT, RunError(code="timed_out", message=f"not done after {seconds:g} s"))
    error = RunError(code="drained", message="the agent was stopped")
    if spec.idempotent:
        return Outcome(RunState.RUNNING, error, delay=timedelta(0))
    return Outcome(RunState.INTERRUPTED, error)


def pause(attempt: int, base: timedelta, limit: timedelta, retry_after: timedelta | None = None) -> timedelta:
    """Exponential back-off with jitter over its upper half; never shorter than what the other side asked for."""
    longest = min(base * (1 << min(attempt - 1, 30)), limit)
    jittered = longest * random.uniform(0.5, 1.0)  # noqa: S311
    return max(jittered, retry_after) if retry_after else jittered


def invalid_input(error: ValidationError) -> InvalidInput:
    """A validation error as one of ours: which field and why, never the value."""
    fields = [
        {"field": ".".join(str(part) for part in entry["loc"]), "message": entry["msg"].removeprefix("Value error, ")}
        for entry in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    first = fields[0]
    return InvalidInput(f"{first['field'] or 'input'}: {first['message']}", detail={"errors": fields})
