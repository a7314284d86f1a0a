"""Starting a flow. Called by approvals, playbooks and routes; does not commit."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.durable.flows import Flow
from opsrail.runs import repository
from opsrail.runs.making import Created
from opsrail.runs.validation import check_json
from opsrail_sdk.contracts.manifest import Risk
from opsrail_sdk.contracts.run import RunState
from opsrail_sdk.contracts.subjects import CORE_SERVICE


async def start(
    session: AsyncSession,
    org_id: uuid.UUID,
    flow: Flow,
    input: Mapping[str, Any],
    *,
    requested_by: str,
    correlation_id: str,
    key: str | None = None,
    cause: str | None = None,
    parent_id: uuid.UUID | None = None,
) -> Created:
    """Queue a run of a flow; hint with ``runs.service.notify`` after the commit.

    Args:
        key: makes it happen once per organisation.

    Raises:
        Invalid: the input is no JSON that we can keep.
    """
    check_json(input, what="input")
    now = datetime.now(UTC)
    run, new = await repository.insert_once(
        session,
        {
            "id": uuid.uuid4(),
            "org_id": org_id,
            "kind": "flow",
            "agent": CORE_SERVICE,
            "action": flow.name,
            "flow_version": flow.version,
            "state": RunState.QUEUED,
            "dry_run": False,
            "risk": Risk.READ,
            "input": dict(input),
            "requested_by": requested_by,
            "requested_at": now,
            "request_key": key,
            "cause": cause,
            "correlation_id": correlation_id,
            "parent_id": parent_id,
            "queued_at": now,
            "created_at": now,
            "available_at": now,
            "updated_at": now,
        },
    )
    return Created(run, new)
