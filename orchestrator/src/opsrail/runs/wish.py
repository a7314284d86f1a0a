"""A wish: what somebody wants done, before anybody has said yes."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from opsrail.policy.claims import NONE, Claims


@dataclass(frozen=True, kw_only=True)
class Wish:
    """Somebody wants ``agent.action`` done.

    ``key`` makes it happen once per organisation; ``requested_at`` orders the runs of a concurrency group.
    """

    agent: str
    action: str
    input: Mapping[str, Any]
    requested_by: str
    correlation_id: str
    dry_run: bool = False
    claims: Claims = NONE
    key: str | None = None
    concurrency_group: str | None = None
    cause: str | None = None
    traceparent: str | None = None
    parent_id: uuid.UUID | None = None
    requested_at: datetime | None = None
