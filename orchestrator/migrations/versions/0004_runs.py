"""Runs with their logs, journal, signals and artifacts."""

from alembic import op

from opsrail.db.rls import protect

revision = "0004"
down_revision = "0003"

_TABLES = ("runs", "run_logs", "run_steps", "run_signals", "artifacts")


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE runs (
          id uuid CONSTRAINT pk_runs PRIMARY KEY,
          org_id uuid NOT NULL CONSTRAINT fk_runs_org_id_organisations REFERENCES organisations,
          kind text NOT NULL CONSTRAINT ck_runs_kind CHECK (kind IN ('action', 'flow')),
          agent text NOT NULL,
          action text NOT NULL,
          state text NOT NULL,
          dry_run boolean NOT NULL DEFAULT false,
          risk text NOT NULL,
          input jsonb NOT NULL,
          output jsonb,
          error jsonb,
          attempt int NOT NULL DEFAULT 0,
          progress real,
          message text,
          instance text,
          requested_by text NOT NULL,
          requested_at timestamptz NOT NULL DEFAULT now(),
          request_key text,
          cause text,
          concurrency_group text,
          correlation_id text NOT NULL,
          traceparent text,
          parent_id uuid,
          decision_id uuid,
          cancel_requested_at timestamptz,
          cancel_reason text,
          cancel_sent_at timestamptz,
          announced boolean NOT NULL DEFAULT false,
          available_at timestamptz DEFAULT now(),
          dispatched_at timestamptz,
          dispatch_sequence bigint,
          generation int NOT NULL DEFAULT 1,
          status_sequence bigint NOT NULL DEFAULT 0,
          log_position bigint NOT NULL DEFAULT 0,
          log_sequence bigint NOT NULL DEFAULT 0,
          flow_version int,
          wakes bigint NOT NULL DEFAULT 0,
          lease_owner text,
          lease_until timestamptz,
          created_at timestamptz NOT NULL DEFAULT now(),
          queued_at timestamptz,
          started_at timestamptz,
          finished_at timestamptz,
          updated_at timestamptz NOT NULL DEFAULT now()
        )
        """
    )
    op.execute(
        "CREATE UNIQUE INDEX uq_runs_org_id_request_key ON runs (org_id, request_key) WHERE request_key IS NOT NULL"
    )
    op.execute("CREATE INDEX ix_runs_org_id_created_at ON runs (org_id, created_at DESC, id DESC)")
    op.execute("CREATE INDEX ix_runs_org_id_correlation_id ON runs (org_id, correlation_id)")
    op.execute(
        "CREATE INDEX ix_runs_concurrency_group ON runs (org_id, concurrency_group, requested_at DESC)"
        " WHERE concurrency_group IS NOT NULL"
    )
    op.execute("CREATE INDEX ix_runs_parent_id ON runs (parent_id) WHERE parent_id IS NOT NULL")
    # What each loop looks for is a handful of rows among millions, so each has its own partial index.
    op.execute(
        "CREATE INDEX ix_runs_to_dispatch ON runs (org_id, agent, available_at)"
        " WHERE kind = 'action' AND state = 'queued' AND dispatched_at IS NULL"
    )
    op.execute("CREATE INDEX ix_runs_to_announce ON runs (updated_at) WHERE NOT announced")
    op.execute(
        "CREATE INDEX ix_runs_to_cancel ON runs (cancel_requested_at)"
        " WHERE cancel_requested_at IS NOT NULL AND cancel_sent_at IS NULL"
    )
    op.execute(
        "CREATE INDEX ix_runs_flows_due ON runs (available_at) WHERE kind = 'flow' AND state IN ('queued', 'running')"
    )
    op.execute(
        "CREATE INDEX ix_runs_under_way ON runs (updated_at)"
        " WHERE kind = 'action' AND state IN ('queued', 'running') AND dispatched_at IS NOT NULL"
    )
    op.execute("CREATE INDEX ix_runs_finished_at ON runs (finished_at) WHERE finished_at IS NOT NULL")
    op.execute(
        """
        CREATE TABLE run_logs (
          org_id uuid NOT NULL,
          run_id uuid NOT NULL,
          position bigint NOT NULL,
          attempt int NOT NULL,
          n bigint NOT NULL,
          at timestamptz NOT NULL,
          stream text NOT NULL,
          step text,
          text text NOT NULL,
          CONSTRAINT pk_run_logs PRIMARY KEY (run_id, position),
          CONSTRAINT uq_run_logs_run_id_attempt_n UNIQUE (run_id, attempt, n)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE run_steps (
          org_id uuid NOT NULL,
          run_id uuid NOT NULL CONSTRAINT fk_run_steps_run_id_runs REFERENCES runs ON DELETE CASCADE,
          key text NOT NULL,
          kind text NOT NULL,
          attempt int NOT NULL DEFAULT 0,
          wake_at timestamptz,
          result jsonb,
          error jsonb,
          finished_at timestamptz,
          created_at timestamptz NOT NULL DEFAULT now(),
          CONSTRAINT pk_run_steps PRIMARY KEY (run_id, key)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE run_signals (
          id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_run_signals PRIMARY KEY,
          org_id uuid NOT NULL,
          run_id uuid NOT NULL CONSTRAINT fk_run_signals_run_id_runs REFERENCES runs ON DELETE CASCADE,
          name text NOT NULL,
          payload jsonb,
          sent_by text NOT NULL,
          taken_by text,
          created_at timestamptz NOT NULL DEFAULT now()
        )
        """
    )
    op.execute("CREATE INDEX ix_run_signals_run_id ON run_signals (run_id, name, id)")
    op.execute(
        """
        CREATE TABLE artifacts (
          org_id uuid NOT NULL CONSTRAINT fk_artifacts_org_id_organisations REFERENCES organisations,
          id text NOT NULL,
          run_id uuid NOT NULL,
          name text NOT NULL,
          object_name text NOT NULL,
          media_type text NOT NULL,
          size bigint NOT NULL,
          digest text NOT NULL,
          stored_at timestamptz NOT NULL,
          expires_at timestamptz NOT NULL,
          CONSTRAINT pk_artifacts PRIMARY KEY (org_id, id)
        )
        """
    )
    op.execute("CREATE INDEX ix_artifacts_org_id_stored_at ON artifacts (org_id, stored_at DESC, id DESC)")
    op.execute("CREATE INDEX ix_artifacts_run_id ON artifacts (run_id)")
    op.execute("CREATE INDEX ix_artifacts_expires_at ON artifacts (expires_at)")
    op.execute("CREATE INDEX ix_artifacts_object_name ON artifacts (org_id, object_name)")
    for table in _TABLES:
        protect(table)


def downgrade() -> None:
    for table in reversed(_TABLES):
        op.execute(f"DROP TABLE {table}")
