"""What happens to approvals as events, ``io.opsrail.approval.<what>.v1``. Published by ``workers.approvals``."""

from datetime import datetime, timedelta
from typing import Any

from opsrail.approvals.models import ApprovalState
from opsrail.approvals.repository import Shown
from opsrail_sdk.contracts.cloudevent import CloudEvent, derived_id

SOURCE = "/opsrail/approvals"
REQUESTED = "requested"


def events(shown: Shown, *, lifetime: timedelta) -> list[CloudEvent]:
    """The facts of an approval that were not told yet, the same ids each time. Inputs are not carried."""
    approval = shown.approval
    found = []
    if approval.told == 0:
        expires = approval.expires_at(lifetime).isoformat()
        found.append(_event(shown, REQUESTED, approval.created_at, expires_at=expires))
    if approval.state != ApprovalState.PENDING:
        people = [vote.person for vote in shown.votes]
        at = approval.ended_at or approval.created_at
        found.append(_event(shown, approval.state, at, end_reason=approval.end_reason, people=people))
    return found


def _event(shown: Shown, what: str, at: datetime, **more: Any) -> CloudEvent:
    approval, run = shown.approval, shown.run
    data = {
        "approval_id": str(approval.id),
        "run_id": str(run.id),
        "agent": run.agent,
        "action": run.action,
        "asked_by": approval.asked_by,
        "reason": approval.reason,
        "policies": approval.policies,
        "needed": approval.needed,
        "approver_role": approval.approver_role,
        "input_hash": approval.input_hash,
        **more,
    }
    return CloudEvent(
        id=derived_id("approval", str(approval.id), what),
        source=SOURCE,
        type=f"io.opsrail.approval.{what}.v1",
        subject=str(run.id),
        time=at,
        datacontenttype="application/json",
        data={key: value for key, value in data.items() if value is not None},
        correlationid=run.correlation_id,
        traceparent=run.traceparent,
    )
