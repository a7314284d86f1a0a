"""Tables of runs and of their log lines."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from opsrail.db.base import Base, Created, OrgScoped


class Run(Created, OrgScoped, Base):
    """One governed execution: of an agent's action, or of a flow of ours (agent ``core``)."""

    __tablename__ = "runs"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    kind: Mapped[str]
    agent: Mapped[str]
    action: Mapped[str]
    state: Mapped[str]
    dry_run: Mapped[bool]
    risk: Mapped[str]
    input: Mapped[dict[str, Any]]
    output: Mapped[dict[str, Any] | None]
    error: Mapped[dict[str, Any] | None]
    attempt: Mapped[int] = mapped_column(default=0)
    progress: Mapped[float | None]
    message: Mapped[str | None]
    instance: Mapped[str | None]
    requested_by: Mapped[str]
    requested_at: Mapped[datetime]
    """When it was wished for; decides which run of a concurrency group is the newest."""
    request_key: Mapped[str | None]
    cause: Mapped[str | None]
    concurrency_group: Mapped[str | None]
    correlation_id: Mapped[str]
    traceparent: Mapped[str | None]
    parent_id: Mapped[uuid.UUID | None]
    decision_id: Mapped[uuid.UUID | None]
    cancel_requested_at: Mapped[datetime | None]
    cancel_reason: Mapped[str | None]
    cancel_sent_at: Mapped[datetime | None]
    announced: Mapped[bool] = mapped_column(default=False)
    """Whether the present state has been published as an event."""
    available_at: Mapped[datetime | None]
    """When a loop may take it; None where only a signal can make it due."""
    dispatched_at: Mapped[datetime | None]
    dispatch_sequence: Mapped[int | None]
    """Sequence of its command in the stream ``ACTIONS``."""
    generation: Mapped[int] = mapped_column(default=1)
    """How many commands it has had: one, unless a command was lost or its capability ran out."""
    status_sequence: Mapped[int] = mapped_column(default=0)
    """Sequence in ``RUNS`` of the last status applied; earlier ones are void."""
    log_position: Mapped[int] = mapped_column(default=0)
    log_sequence: Mapped[int] = mapped_column(default=0)
    flow_version: Mapped[int | None]
    wakes: Mapped[int] = mapped_column(default=0)
    """How often something called for a flow's attention; a worker that lets go of one compares it."""
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    queued_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]


class RunLogLine(OrgScoped, Base):
    """One line. ``position`` grows in the order in which lines became visible, so that readers can resume."""

    __tablename__ = "run_logs"

    run_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    attempt: Mapped[int]
    n: Mapped[int]
    at: Mapped[datetime]
    stream: Mapped[str]
    step: Mapped[str | None]
    text: Mapped[str]
