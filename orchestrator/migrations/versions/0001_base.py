"""Roles, organisations, tokens, idempotency keys, signing keys."""

from alembic import op

from opsrail.db.rls import protect

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute(
        """
        DO $$ BEGIN
          IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'opsrail_app') THEN
            CREATE ROLE opsrail_app NOLOGIN NOSUPERUSER NOBYPASSRLS;
          END IF;
          IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'opsrail_worker') THEN
            CREATE ROLE opsrail_worker NOLOGIN NOSUPERUSER NOBYPASSRLS;
          END IF;
          IF NOT pg_has_role(current_user, 'opsrail_app', 'MEMBER') THEN
            EXECUTE format('GRANT opsrail_app TO %I', current_user);
          END IF;
        EXCEPTION WHEN insufficient_privilege THEN
          RAISE NOTICE 'roles are managed by the administrator: %', SQLERRM;
        END $$
        """
    )
    op.execute(
        """
        DO $$ BEGIN
          GRANT opsrail_worker TO opsrail_app WITH INHERIT FALSE, SET TRUE;
        EXCEPTION WHEN insufficient_privilege THEN
          IF NOT pg_has_role('opsrail_app', 'opsrail_worker', 'MEMBER') THEN RAISE; END IF;
        END $$
        """
    )
    op.execute("GRANT USAGE ON SCHEMA public TO opsrail_app, opsrail_worker")
    op.execute(
        """
        CREATE TABLE organisations (
          org_id uuid CONSTRAINT pk_organisations PRIMARY KEY DEFAULT gen_random_uuid(),
          slug text NOT NULL CONSTRAINT uq_organisations_slug UNIQUE,
          title text NOT NULL,
          created_at timestamptz NOT NULL DEFAULT now()
        )
        """
    )
    op.execute(
        """
        CREATE TABLE tokens (
          id uuid CONSTRAINT pk_tokens PRIMARY KEY,
          org_id uuid NOT NULL CONSTRAINT fk_tokens_org_id_organisations REFERENCES organisations,
          name text NOT NULL,
          secret_hash bytea NOT NULL,
          scopes jsonb NOT NULL,
          created_by text NOT NULL,
          created_at timestamptz NOT NULL DEFAULT now(),
          expires_at timestamptz,
          revoked_at timestamptz,
          last_used_at timestamptz
        )
        """
    )
    op.execute("CREATE INDEX ix_tokens_org_id_created_at ON tokens (org_id, created_at DESC)")
    op.execute(
        """
        CREATE TABLE idempotency_keys (
          org_id uuid NOT NULL,
          principal text NOT NULL,
          key text NOT NULL,
          request_hash bytea NOT NULL,
          status int,
          body bytea,
          media_type text,
          locked_until timestamptz NOT NULL,
          created_at timestamptz NOT NULL DEFAULT now(),
          CONSTRAINT pk_idempotency_keys PRIMARY KEY (org_id, principal, key)
        )
        """
    )
    op.execute("CREATE INDEX ix_idempotency_keys_created_at ON idempotency_keys (created_at)")
    op.execute(
        """
        CREATE TABLE signing_keys (
          kid text CONSTRAINT pk_signing_keys PRIMARY KEY,
          org_id uuid,
          purpose text NOT NULL,
          public_key text NOT NULL,
          sealed_private_key bytea NOT NULL,
          created_at timestamptz NOT NULL DEFAULT now(),
          retired_at timestamptz
        )
        """
    )
    for table in ("organisations", "tokens", "idempotency_keys", "signing_keys"):
        protect(table)


def downgrade() -> None:
    for table in ("signing_keys", "idempotency_keys", "tokens", "organisations"):
        op.execute(f"DROP TABLE {table}")
    op.execute("REVOKE USAGE ON SCHEMA public FROM opsrail_app, opsrail_worker")
