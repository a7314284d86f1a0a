"""API shapes of the audit trail."""

import uuid
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from opsrail.audit.trail import Outcome


class EntryView(BaseModel):
    """One entry. ``position`` and ``hash`` are null for about a second, until it is chained."""

    id: int
    at: datetime
    actor: str
    verb: str
    target: str
    outcome: Outcome
    reason: str
    decision_id: uuid.UUID | None
    correlation_id: str | None
    detail: dict[str, Any]
    position: int | None
    hash: str | None = Field(description="SHA-256 over the hash before it and the entry, hexadecimal")


class FaultView(BaseModel):
    """The first thing in the chain that does not hold."""

    what: str
    position: int | None
    entry_id: int | None


class VerificationView(BaseModel):
    """What a verification found."""

    holds: bool
    org_id: uuid.UUID
    after: int = Field(description="Position that the kept entries follow; 0 is the beginning of the chain")
    entries: int = Field(description="Entries that held, up to the first fault")
    head: str = Field(description="Hash of the last entry that held; keep it elsewhere to compare")
    vouched: int = Field(description="Signed checkpoints that held")
    waiting: int = Field(description="Entries too young to have a place in the chain yet")
    fault: FaultView | None


class KeyList(BaseModel):
    """Public keys that checkpoints are signed with, as JWKs."""

    keys: list[dict[str, str]]
