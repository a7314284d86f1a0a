"""Policies and decisions."""

from alembic import op

from opsrail.db.rls import protect

revision = "0006"
down_revision = "0005"

_TABLES = ("policy_sets", "policy_activations", "decisions")


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE policy_sets (
          org_id uuid NOT NULL CONSTRAINT fk_policy_sets_org_id_organisations REFERENCES organisations,
          version int NOT NULL CONSTRAINT ck_policy_sets_version CHECK (version > 0),
          text text NOT NULL,
          digest text NOT NULL,
          note text NOT NULL,
          created_by text NOT NULL,
          created_at timestamptz NOT NULL DEFAULT now(),
          cases jsonb NOT NULL DEFAULT '[]',
          report jsonb,
          tested_by text,
          tested_at timestamptz,
          CONSTRAINT pk_policy_sets PRIMARY KEY (org_id, version)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE policy_activations (
          id bigint GENERATED ALWAYS AS IDENTITY,
          org_id uuid NOT NULL CONSTRAINT fk_policy_activations_org_id_organisations REFERENCES organisations,
          version int NOT NULL,
          activated_by text NOT NULL,
          reason text NOT NULL,
          replay jsonb NOT NULL,
          created_at timestamptz NOT NULL DEFAULT now(),
          CONSTRAINT pk_policy_activations PRIMARY KEY (org_id, id)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE decisions (
          id uuid CONSTRAINT pk_decisions PRIMARY KEY,
          org_id uuid NOT NULL CONSTRAINT fk_decisions_org_id_organisations REFERENCES organisations,
          run_id uuid NOT NULL,
          agent text NOT NULL,
          action text NOT NULL,
          asker text NOT NULL,
          outcome text NOT NULL CONSTRAINT ck_decisions_outcome CHECK (outcome IN ('permit', 'deny', 'approval')),
          reason text NOT NULL,
          policies jsonb NOT NULL,
          obstacles jsonb NOT NULL,
          approvals int NOT NULL,
          approver_role text NOT NULL,
          policy_version int NOT NULL,
          policy_digest text NOT NULL,
          question jsonb NOT NULL,
          seconds real NOT NULL,
          follows uuid,
          approved_by jsonb NOT NULL DEFAULT '[]',
          correlation_id text NOT NULL,
          created_at timestamptz NOT NULL DEFAULT clock_timestamp()
        )
        """
    )
    op.execute("CREATE INDEX ix_decisions_org_id_created_at ON decisions (org_id, created_at DESC, id DESC)")
    op.execute("CREATE INDEX ix_decisions_run_id ON decisions (run_id)")
    op.execute(
        "CREATE INDEX ix_decisions_not_permitted ON decisions (org_id, created_at DESC, id DESC)"
        " WHERE outcome <> 'permit'"
    )
    # What policies see as `recent_failures`.
    op.execute(
        "CREATE INDEX ix_runs_failures ON runs (org_id, agent, action, finished_at)"
        " WHERE state IN ('failed', 'timed_out', 'interrupted', 'unverified')"
    )
    for table in _TABLES:
        protect(table)
        op.execute(f"REVOKE UPDATE, DELETE ON {table} FROM opsrail_app, opsrail_worker")
    op.execute("GRANT UPDATE (cases, report, tested_by, tested_at) ON policy_sets TO opsrail_app")
    op.execute("GRANT DELETE ON decisions TO opsrail_worker")


def downgrade() -> None:
    op.execute("DROP INDEX ix_runs_failures")
    for table in reversed(_TABLES):
        op.execute(f"DROP TABLE {table}")
