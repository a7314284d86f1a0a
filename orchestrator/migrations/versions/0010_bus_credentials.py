"""Credentials of agents on the bus."""

from alembic import op

from opsrail.db.rls import protect

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE bus_credentials (
          id uuid CONSTRAINT pk_bus_credentials PRIMARY KEY,
          org_id uuid NOT NULL CONSTRAINT fk_bus_credentials_org_id_organisations REFERENCES organisations,
          agent text NOT NULL,
          public_key text NOT NULL CONSTRAINT uq_bus_credentials_public_key UNIQUE,
          kind text NOT NULL CONSTRAINT ck_bus_credentials_kind CHECK (kind IN ('nkey', 'jwt')),
          created_by text NOT NULL,
          created_at timestamptz NOT NULL DEFAULT now(),
          expires_at timestamptz,
          CONSTRAINT fk_bus_credentials_agent_agents
            FOREIGN KEY (org_id, agent) REFERENCES agents (org_id, id) ON DELETE CASCADE
        )
        """
    )
    op.execute("CREATE INDEX ix_bus_credentials_org_id_agent ON bus_credentials (org_id, agent, created_at DESC)")
    protect("bus_credentials")


def downgrade() -> None:
    op.execute("DROP TABLE bus_credentials")
