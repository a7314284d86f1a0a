"""Connections to outside systems, and installed agents."""

from alembic import op

from opsrail.db.rls import protect

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE connections (
          id uuid CONSTRAINT pk_connections PRIMARY KEY,
          org_id uuid NOT NULL CONSTRAINT fk_connections_org_id_organisations REFERENCES organisations,
          kind text NOT NULL,
          name text NOT NULL,
          settings jsonb NOT NULL DEFAULT '{}',
          sealed_secrets jsonb NOT NULL DEFAULT '{}',
          hook_secret bytea,
          previous_hook_secret bytea,
          previous_hook_secret_until timestamptz,
          created_at timestamptz NOT NULL DEFAULT now(),
          updated_at timestamptz NOT NULL DEFAULT now(),
          CONSTRAINT uq_connections_org_id_name UNIQUE (org_id, name)
        )
        """
    )
    op.execute("CREATE INDEX ix_connections_org_id_created_at ON connections (org_id, created_at DESC, id DESC)")
    op.execute(
        """
        CREATE TABLE agents (
          org_id uuid NOT NULL CONSTRAINT fk_agents_org_id_organisations REFERENCES organisations,
          id text NOT NULL,
          manifest json NOT NULL, -- keeps the author's order of fields, which forms follow
          module text NOT NULL,
          version text NOT NULL,
          runtime text NOT NULL,
          enabled boolean NOT NULL DEFAULT false,
          removing boolean NOT NULL DEFAULT false,
          state text NOT NULL DEFAULT 'installed',
          config jsonb NOT NULL DEFAULT '{}',
          generation int NOT NULL DEFAULT 1,
          error text,
          previous jsonb,
          upgrade_deadline timestamptz,
          upgrade_error text,
          events_from timestamptz NOT NULL DEFAULT now(),
          enabled_at timestamptz,
          outbox jsonb NOT NULL DEFAULT '[]',
          installed_at timestamptz NOT NULL DEFAULT now(),
          updated_at timestamptz NOT NULL DEFAULT now(),
          CONSTRAINT pk_agents PRIMARY KEY (org_id, id)
        )
        """
    )
    for table in ("connections", "agents"):
        protect(table)


def downgrade() -> None:
    for table in ("agents", "connections"):
        op.execute(f"DROP TABLE {table}")
