"""An index from a request to the entry that tells of it together with others that were refused alike."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.execute(
        "CREATE INDEX ix_audit_entries_correlation_ids ON audit_entries"
        " USING gin (detail jsonb_path_ops) WHERE detail ? 'correlation_ids'"
    )


def downgrade() -> None:
    op.execute("DROP INDEX ix_audit_entries_correlation_ids")
