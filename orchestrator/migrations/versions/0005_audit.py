"""The audit trail: entries, chained by the sealer, and the signed checkpoints over them.

Nobody who logs in as the application can alter or remove an entry: the grants are missing and a trigger refuses.
Two doors are left. The sealer gives an entry its position and hash, once. Retention drops the oldest sealed entries
through ``audit_forget``, which runs as the owner, keeps what a checkpoint does not cover, and keeps young entries.
"""

from alembic import op

from opsrail.db.rls import protect

revision = "0005"
down_revision = "0004"

_TABLES = ("audit_entries", "audit_checkpoints")


def upgrade() -> None:
    # No foreign key on org_id: the instance has a chain of its own, under the nil UUID.
    op.execute(
        """
        CREATE TABLE audit_entries (
          id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_audit_entries PRIMARY KEY,
          org_id uuid NOT NULL,
          at timestamptz NOT NULL,
          actor text NOT NULL,
          verb text NOT NULL,
          target text NOT NULL,
          outcome text NOT NULL
            CONSTRAINT ck_audit_entries_outcome CHECK (outcome IN ('allowed', 'denied', 'succeeded', 'failed')),
          reason text NOT NULL,
          decision_id uuid,
          correlation_id text,
          detail jsonb NOT NULL,
          position bigint,
          hash bytea
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX uq_audit_entries_org_id_position ON audit_entries (org_id, position)")
    op.execute("CREATE INDEX ix_audit_entries_org_id_at ON audit_entries (org_id, at DESC, id DESC)")
    op.execute("CREATE INDEX ix_audit_entries_org_id_target ON audit_entries (org_id, target, at DESC, id DESC)")
    op.execute("CREATE INDEX ix_audit_entries_org_id_correlation_id ON audit_entries (org_id, correlation_id)")
    op.execute("CREATE INDEX ix_audit_entries_to_seal ON audit_entries (org_id, id) WHERE position IS NULL")
    op.execute(
        """
        CREATE TABLE audit_checkpoints (
          org_id uuid NOT NULL,
          position bigint NOT NULL,
          hash bytea NOT NULL,
          at timestamptz NOT NULL DEFAULT now(),
          token text NOT NULL,
          CONSTRAINT pk_audit_checkpoints PRIMARY KEY (org_id, position)
        )
        """
    )
    for table in _TABLES:
        protect(table)
        op.execute(f"REVOKE UPDATE, DELETE ON {table} FROM opsrail_app, opsrail_worker")
        op.execute(f"CREATE POLICY retention ON {table} TO CURRENT_USER USING (true)")
    op.execute("REVOKE INSERT ON audit_checkpoints FROM opsrail_app")
    op.execute("GRANT UPDATE (position, hash) ON audit_entries TO opsrail_worker")
    _guards()
    _forget()


def _guards() -> None:
    op.execute(
        """
        CREATE FUNCTION audit_guard() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF TG_OP = 'INSERT' THEN
            NEW.at := clock_timestamp();
            NEW.position := NULL;
            NEW.hash := NULL;
            RETURN NEW;
          ELSIF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'audit_entries' THEN
            IF OLD.position IS NULL AND NEW.position IS NOT NULL AND NEW.hash IS NOT NULL
               AND to_jsonb(NEW) - '{position,hash}'::text[] = to_jsonb(OLD) - '{position,hash}'::text[] THEN
              RETURN NEW;
            END IF;
          ELSIF TG_OP = 'DELETE' AND current_setting('opsrail.audit_forget', true) = 'on'
                AND current_user = (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = TG_RELID) THEN
            RETURN OLD;
          END IF;
          RAISE EXCEPTION 'the audit trail is append-only: % refused', TG_OP USING ERRCODE = 'insufficient_privilege';
        END $$
        """
    )
    for table, events in (("audit_entries", "INSERT OR UPDATE OR DELETE"), ("audit_checkpoints", "UPDATE OR DELETE")):
        op.execute(
            f"CREATE TRIGGER append_only BEFORE {events} ON {table} FOR EACH ROW EXECUTE FUNCTION audit_guard()"
        )
        op.execute(
            f"CREATE TRIGGER no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION audit_guard()"
        )


def _forget() -> None:
    op.execute(
        """
        CREATE FUNCTION audit_forget(org uuid, before timestamptz) RETURNS bigint
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
        DECLARE
          closing bigint;
          gone bigint;
        BEGIN
          IF before > now() - interval '1 day' THEN
            RAISE EXCEPTION 'entries younger than a day are kept' USING ERRCODE = 'insufficient_privilege';
          END IF;
          SELECT max(c.position) INTO closing FROM audit_checkpoints c
          WHERE c.org_id = org
            AND c.position < coalesce(
              (SELECT min(e.position) FROM audit_entries e WHERE e.org_id = org AND e.at >= before),
              9223372036854775807)
            AND EXISTS (SELECT FROM audit_entries e WHERE e.org_id = org AND e.position <= c.position);
          IF closing IS NULL THEN
            RETURN 0;
          END IF;
          PERFORM set_config('opsrail.audit_forget', 'on', true);
          DELETE FROM audit_entries e WHERE e.org_id = org AND e.position <= closing;
          GET DIAGNOSTICS gone = ROW_COUNT;
          DELETE FROM audit_checkpoints c WHERE c.org_id = org AND c.position < closing;
          PERFORM set_config('opsrail.audit_forget', 'off', true);
          RETURN gone;
        END $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION audit_forget FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION audit_forget TO opsrail_worker")


def downgrade() -> None:
    op.execute("DROP FUNCTION audit_forget")
    for table in reversed(_TABLES):
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP FUNCTION audit_guard")
