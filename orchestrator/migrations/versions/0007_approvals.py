"""Approvals, budgets, freeze windows and switches."""

from alembic import op

from opsrail.db.rls import protect

revision = "0007"
down_revision = "0006"

_TABLES = ("approvals", "approval_votes", "guards", "kill_switches", "guard_uses")


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE approvals (
          id uuid CONSTRAINT pk_approvals PRIMARY KEY,
          org_id uuid NOT NULL CONSTRAINT fk_approvals_org_id_organisations REFERENCES organisations,
          run_id uuid NOT NULL CONSTRAINT fk_approvals_run_id_runs REFERENCES runs ON DELETE CASCADE,
          state text NOT NULL DEFAULT 'pending' CONSTRAINT ck_approvals_state
            CHECK (state IN ('pending', 'granted', 'denied', 'expired', 'withdrawn')),
          asked_by text NOT NULL,
          asked_by_person text NOT NULL,
          reason text NOT NULL,
          policies jsonb NOT NULL DEFAULT '[]',
          obstacles jsonb NOT NULL DEFAULT '[]',
          needed int NOT NULL CONSTRAINT ck_approvals_needed CHECK (needed >= 1),
          approver_role text NOT NULL,
          input_hash text NOT NULL,
          plan jsonb,
          plan_hash text,
          plan_run_id uuid,
          decision_id uuid NOT NULL,
          granting_decision_id uuid,
          end_reason text,
          told int NOT NULL DEFAULT 0,
          created_at timestamptz NOT NULL DEFAULT now(),
          deadline timestamptz,
          ended_at timestamptz
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX uq_approvals_run_id_pending ON approvals (run_id) WHERE state = 'pending'")
    op.execute("CREATE INDEX ix_approvals_org_id_created_at ON approvals (org_id, created_at DESC, id DESC)")
    op.execute("CREATE INDEX ix_approvals_run_id ON approvals (run_id)")
    op.execute("CREATE INDEX ix_approvals_to_expire ON approvals (created_at) WHERE state = 'pending'")
    op.execute(
        "CREATE INDEX ix_approvals_to_tell ON approvals (created_at)"
        " WHERE told = 0 OR (told = 1 AND state <> 'pending')"
    )
    op.execute(
        """
        CREATE TABLE approval_votes (
          org_id uuid NOT NULL,
          approval_id uuid NOT NULL
            CONSTRAINT fk_approval_votes_approval_id_approvals REFERENCES approvals ON DELETE CASCADE,
          person text NOT NULL,
          principal text NOT NULL,
          name text NOT NULL,
          vote text NOT NULL CONSTRAINT ck_approval_votes_vote CHECK (vote IN ('grant', 'deny')),
          reason text NOT NULL,
          at timestamptz NOT NULL DEFAULT now(),
          CONSTRAINT pk_approval_votes PRIMARY KEY (approval_id, person)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE guards (
          id uuid CONSTRAINT pk_guards PRIMARY KEY,
          org_id uuid NOT NULL CONSTRAINT fk_guards_org_id_organisations REFERENCES organisations,
          kind text NOT NULL CONSTRAINT ck_guards_kind CHECK (kind IN ('freeze', 'budget', 'sequence')),
          name text NOT NULL,
          selector jsonb NOT NULL,
          rule jsonb NOT NULL,
          overridable boolean NOT NULL DEFAULT false,
          enabled boolean NOT NULL DEFAULT true,
          created_by text NOT NULL,
          created_at timestamptz NOT NULL DEFAULT now(),
          updated_at timestamptz NOT NULL DEFAULT now(),
          CONSTRAINT uq_guards_org_id_name UNIQUE (org_id, name)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE kill_switches (
          org_id uuid NOT NULL CONSTRAINT fk_kill_switches_org_id_organisations REFERENCES organisations,
          agent text NOT NULL,
          reason text NOT NULL,
          thrown_by text NOT NULL,
          thrown_at timestamptz NOT NULL DEFAULT now(),
          CONSTRAINT pk_kill_switches PRIMARY KEY (org_id, agent)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE guard_uses (
          org_id uuid NOT NULL,
          guard_id uuid NOT NULL CONSTRAINT fk_guard_uses_guard_id_guards REFERENCES guards ON DELETE CASCADE,
          run_id uuid NOT NULL, -- no reference: it is noted before the run is
          key text NOT NULL,
          amount numeric NOT NULL,
          at timestamptz NOT NULL,
          CONSTRAINT pk_guard_uses PRIMARY KEY (guard_id, run_id)
        )
        """
    )
    op.execute("CREATE INDEX ix_guard_uses_guard_id_key_at ON guard_uses (guard_id, key, at)")
    op.execute("CREATE INDEX ix_guard_uses_at ON guard_uses (at)")
    for table in _TABLES:
        protect(table)


def downgrade() -> None:
    for table in reversed(_TABLES):
        op.execute(f"DROP TABLE {table}")
