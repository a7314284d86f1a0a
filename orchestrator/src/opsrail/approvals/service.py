"""Opening an approval and what ends it. Called by ``runs.service``, ``endpoints`` and ``workers.approvals``.

Services do not commit.
"""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.approvals.models import Approval
from opsrail.runs.models import Run
from opsrail_sdk.contracts.run import input_digest


class Asker(Protocol):
    """Who wants the run."""

    @property
    def id(self) -> str: ...
    @property
    def person(self) -> str | None: ...


class Verdict(Protocol):
    """What the gate said."""

    @property
    def decision_id(self) -> uuid.UUID: ...
    @property
    def reason(self) -> str: ...
    @property
    def policies(self) -> Sequence[str]: ...
    @property
    def obstacles(self) -> Sequence[str]: ...
    @property
    def approvals(self) -> int: ...
    @property
    def approver_role(self) -> str: ...


async def open(  # noqa: A001 (read as `service.open`)
    session: AsyncSession, run: Run, verdict: Verdict, asker: Asker
) -> Approval:
    """Ask for approval of a run in the state ``awaiting_approval``, in the transaction that makes it."""
    approval = Approval(
        id=uuid.uuid4(),
        org_id=run.org_id,
        run_id=run.id,
        asked_by=asker.id,
        asked_by_person=asker.person or asker.id,
        reason=verdict.reason,
        policies=list(verdict.policies),
        obstacles=list(verdict.obstacles),
        needed=max(1, verdict.approvals),
        approver_role=verdict.approver_role,
        input_hash=input_digest(run.input),
        decision_id=verdict.decision_id,
        created_at=datetime.now(UTC),
    )
    session.add(approval)
    await session.flush()
    return approval
