"""Asking for an approval. Called by ``runs.service``; what comes of it is in ``deciding``."""

import uuid
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.approvals.models import Approval, ApprovalState
from opsrail.policy import gate
from opsrail.policy.asker import Asker
from opsrail.runs.models import Run
from opsrail_sdk.contracts.run import input_digest


async def open(  # noqa: A001 (read as `service.open`)
    session: AsyncSession, run: Run, verdict: gate.Verdict, asker: Asker
) -> Approval:
    """Ask for approval of a run in the state ``awaiting_approval``, in the transaction that makes it."""
    now = datetime.now(UTC)
    approval = Approval(
        id=uuid.uuid4(),
        org_id=run.org_id,
        run_id=run.id,
        state=ApprovalState.PENDING,
        asked_by=asker.id,
        asked_by_person=asker.person or asker.id,
        reason=verdict.reason,
        policies=list(verdict.policies),
        obstacles=list(verdict.obstacles),
        needed=max(1, verdict.approvals),
        approver_role=verdict.approver_role,
        input_hash=input_digest(run.input),
        decision_id=verdict.decision_id,
        created_at=now,
        deadline=now + verdict.expires if verdict.expires else None,
    )
    session.add(approval)
    await session.flush()
    return approval
