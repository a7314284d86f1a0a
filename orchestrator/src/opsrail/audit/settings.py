"""Settings of the audit trail."""

from datetime import timedelta

from pydantic import BaseModel, Field


class AuditSettings(BaseModel):
    """``OPSRAIL_AUDIT_…``."""

    checkpoint_every: timedelta = Field(
        default=timedelta(minutes=1),
        description="How often a chain that grew is vouched for by a signed checkpoint: the longest stretch that"
        " somebody with the database's superuser could rewrite unseen",
    )
    keep: timedelta = Field(
        default=timedelta(days=400),
        ge=timedelta(days=2),
        description="Entries older than this are dropped, up to a checkpoint that keeps the rest provable; 400 days"
        " cover a year and the time to audit it",
    )
