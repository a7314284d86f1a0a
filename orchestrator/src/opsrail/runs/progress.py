"""How statuses move a run: pure decisions, written down by ``outcomes``.

The sequence of a status in the stream ``RUNS`` orders it: agents write each after the one before, so the highest
sequence is the truth whatever order replicas see them in.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from opsrail_sdk.contracts.run import FINISHED, TRANSITIONS, RunState, RunStatus

TOLD_BY_AGENTS = frozenset(
    {
        RunState.RUNNING,
        RunState.SUCCEEDED,
        RunState.FAILED,
        RunState.TIMED_OUT,
        RunState.CANCELLED,
        RunState.INTERRUPTED,
    }
)
"""Every other state is the orchestrator's to give: a status on the bus never queues, denies or verifies a run."""


@dataclass(frozen=True)
class Seen:
    """A status as it came from the stream."""

    sequence: int
    status: RunStatus
    repeated: bool = False
    """Delivered before: what follows the commit may have been lost in a crash."""


@dataclass(frozen=True)
class Standing:
    """What the row says that statuses can change."""

    state: RunState
    attempt: int
    sequence: int
    progress: float | None = None
    message: str | None = None
    instance: str | None = None
    output: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None


def advance(row: Standing, seen: Iterable[Seen]) -> tuple[Standing, list[RunStatus]]:
    """The row after these statuses, and which of them are facts to announce."""
    facts: list[RunStatus] = []
    for each in sorted(seen, key=lambda one: one.sequence):
        status = each.status
        if each.sequence <= row.sequence:
            row = _backdate(row, status)
            if each.repeated or each.sequence == row.sequence:
                facts.append(status)
        elif status.state in TOLD_BY_AGENTS & TRANSITIONS.get(row.state, frozenset()):
            if status.state is not row.state or status.attempt != row.attempt or each.repeated:
                facts.append(status)
            row = _moved(row, each)
    return row, facts


def _moved(row: Standing, seen: Seen) -> Standing:
    status = seen.status
    same = status.attempt == row.attempt
    progress = status.progress if status.progress is not None else (row.progress if same else None)
    return replace(
        _backdate(row, status),
        state=status.state,
        attempt=status.attempt,
        sequence=seen.sequence,
        progress=progress,
        message=status.message or (row.message if same and status.state is RunState.RUNNING else None),
        instance=status.instance or row.instance,
        output=status.output,
        error=status.error.model_dump(mode="json", exclude_none=True) if status.error else None,
        finished_at=status.at if status.state in FINISHED else None,
    )


def _backdate(row: Standing, status: RunStatus) -> Standing:
    """A run started when its first ``running`` was written, even if that is seen late."""
    if status.state is not RunState.RUNNING or (row.started_at is not None and row.started_at <= status.at):
        return row
    return replace(row, started_at=status.at)
