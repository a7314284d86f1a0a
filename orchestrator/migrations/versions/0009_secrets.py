"""Secrets that organisations keep, and the wrapped data keys that seal everything sealed."""

from alembic import op

from opsrail.db.rls import protect

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    # No foreign key on org_id: the instance has a data key of its own, under the nil UUID.
    op.execute(
        """
        CREATE TABLE data_keys (
          org_id uuid CONSTRAINT pk_data_keys PRIMARY KEY,
          root text NOT NULL,
          wrapped bytea NOT NULL,
          created_at timestamptz NOT NULL DEFAULT now(),
          wrapped_at timestamptz NOT NULL DEFAULT now()
        )
        """
    )
    protect("data_keys")
    op.execute("REVOKE ALL ON data_keys FROM opsrail_app")
    op.execute("REVOKE DELETE ON data_keys FROM opsrail_worker")
    op.execute(
        """
        CREATE TABLE secrets (
          org_id uuid NOT NULL CONSTRAINT fk_secrets_org_id_organisations REFERENCES organisations,
          name text NOT NULL,
          sealed bytea,
          reference text,
          version int NOT NULL DEFAULT 1,
          updated_by text NOT NULL,
          created_at timestamptz NOT NULL DEFAULT now(),
          updated_at timestamptz NOT NULL DEFAULT now(),
          CONSTRAINT pk_secrets PRIMARY KEY (org_id, name),
          CONSTRAINT ck_secrets_one_of CHECK ((sealed IS NULL) <> (reference IS NULL))
        )
        """
    )
    op.execute("CREATE INDEX ix_secrets_org_id_created_at ON secrets (org_id, created_at DESC, name DESC)")
    protect("secrets")


def downgrade() -> None:
    for table in ("secrets", "data_keys"):
        op.execute(f"DROP TABLE {table}")
