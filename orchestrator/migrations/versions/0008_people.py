"""People, memberships, roles, sessions, identity providers, machine identities, invitations.

``users`` and ``passwords`` have no ``org_id``: one person can belong to several organisations. The application sees
of ``users`` the members of the organisation in its transaction and changes none; ``passwords`` it cannot read at all.
"""

from alembic import op

from opsrail.db.rls import protect

revision = "0008"
down_revision = "0007"

_ORG = "org_id uuid NOT NULL CONSTRAINT fk_{table}_org_id_organisations REFERENCES organisations"
_TABLES = (
    "machine_requests",
    "machines",
    "invitations",
    "sessions",
    "identities",
    "memberships",
    "identity_providers",
)


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE users (
          id uuid CONSTRAINT pk_users PRIMARY KEY,
          email text NOT NULL CONSTRAINT ck_users_email_lower CHECK (email = lower(email)),
          name text NOT NULL,
          created_at timestamptz NOT NULL DEFAULT now(),
          CONSTRAINT uq_users_email UNIQUE (email)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE passwords (
          user_id uuid CONSTRAINT pk_passwords PRIMARY KEY
            CONSTRAINT fk_passwords_user_id_users REFERENCES users ON DELETE CASCADE,
          hash text NOT NULL,
          changed_at timestamptz NOT NULL DEFAULT now()
        )
        """
    )
    op.execute(
        f"""
        CREATE TABLE roles (
          {_ORG.format(table="roles")},
          name text NOT NULL,
          title text NOT NULL,
          scopes jsonb NOT NULL,
          parent text,
          created_at timestamptz NOT NULL DEFAULT now(),
          CONSTRAINT pk_roles PRIMARY KEY (org_id, name)
        )
        """
    )
    op.execute(
        f"""
        CREATE TABLE identity_providers (
          id uuid CONSTRAINT pk_identity_providers PRIMARY KEY,
          {_ORG.format(table="identity_providers")},
          name text NOT NULL,
          title text NOT NULL,
          issuer text NOT NULL,
          client_id text NOT NULL,
          sealed_client_secret bytea,
          scopes jsonb NOT NULL,
          groups_claim text NOT NULL,
          role_of_group jsonb NOT NULL,
          default_roles jsonb NOT NULL,
          email_domains jsonb NOT NULL,
          enabled boolean NOT NULL DEFAULT true,
          created_at timestamptz NOT NULL DEFAULT now(),
          CONSTRAINT uq_identity_providers_org_id_name UNIQUE (org_id, name)
        )
        """
    )
    op.execute(
        f"""
        CREATE TABLE memberships (
          {_ORG.format(table="memberships")},
          user_id uuid NOT NULL CONSTRAINT fk_memberships_user_id_users REFERENCES users ON DELETE CASCADE,
          roles jsonb NOT NULL,
          provider_id uuid
            CONSTRAINT fk_memberships_provider_id_identity_providers REFERENCES identity_providers ON DELETE SET NULL,
          suspended_at timestamptz,
          created_at timestamptz NOT NULL DEFAULT now(),
          CONSTRAINT pk_memberships PRIMARY KEY (org_id, user_id)
        )
        """
    )
    op.execute("CREATE INDEX ix_memberships_user_id ON memberships (user_id)")
    op.execute(
        f"""
        CREATE TABLE identities (
          {_ORG.format(table="identities")},
          provider_id uuid NOT NULL
            CONSTRAINT fk_identities_provider_id_identity_providers REFERENCES identity_providers ON DELETE CASCADE,
          subject text NOT NULL,
          user_id uuid NOT NULL CONSTRAINT fk_identities_user_id_users REFERENCES users ON DELETE CASCADE,
          created_at timestamptz NOT NULL DEFAULT now(),
          CONSTRAINT pk_identities PRIMARY KEY (provider_id, subject)
        )
        """
    )
    op.execute("CREATE INDEX ix_identities_user_id ON identities (user_id)")
    op.execute(
        f"""
        CREATE TABLE sessions (
          id uuid CONSTRAINT pk_sessions PRIMARY KEY,
          {_ORG.format(table="sessions")},
          user_id uuid NOT NULL CONSTRAINT fk_sessions_user_id_users REFERENCES users ON DELETE CASCADE,
          provider_id uuid
            CONSTRAINT fk_sessions_provider_id_identity_providers REFERENCES identity_providers ON DELETE CASCADE,
          secret_hash bytea NOT NULL,
          address text NOT NULL,
          user_agent text NOT NULL,
          created_at timestamptz NOT NULL DEFAULT now(),
          seen_at timestamptz NOT NULL DEFAULT now(),
          expires_at timestamptz NOT NULL,
          ended_at timestamptz
        )
        """
    )
    op.execute("CREATE INDEX ix_sessions_user_id_created_at ON sessions (user_id, created_at DESC)")
    op.execute("CREATE INDEX ix_sessions_expires_at ON sessions (expires_at)")
    op.execute(
        f"""
        CREATE TABLE invitations (
          id uuid CONSTRAINT pk_invitations PRIMARY KEY,
          {_ORG.format(table="invitations")},
          email text NOT NULL,
          roles jsonb NOT NULL,
          secret_hash bytea NOT NULL,
          created_by text NOT NULL,
          created_at timestamptz NOT NULL DEFAULT now(),
          expires_at timestamptz NOT NULL,
          accepted_at timestamptz,
          revoked_at timestamptz
        )
        """
    )
    op.execute("CREATE INDEX ix_invitations_org_id_created_at ON invitations (org_id, created_at DESC)")
    op.execute(
        f"""
        CREATE TABLE machines (
          id uuid CONSTRAINT pk_machines PRIMARY KEY,
          {_ORG.format(table="machines")},
          name text NOT NULL,
          access_key_id text NOT NULL CONSTRAINT uq_machines_access_key_id UNIQUE,
          sealed_secret bytea NOT NULL,
          roles jsonb NOT NULL,
          owner_id uuid CONSTRAINT fk_machines_owner_id_users REFERENCES users,
          created_by text NOT NULL,
          created_at timestamptz NOT NULL DEFAULT now(),
          expires_at timestamptz,
          revoked_at timestamptz,
          last_used_at timestamptz
        )
        """
    )
    op.execute("CREATE INDEX ix_machines_org_id_created_at ON machines (org_id, created_at DESC)")
    op.execute(
        """
        CREATE TABLE machine_requests (
          org_id uuid NOT NULL,
          machine_id uuid NOT NULL,
          signature bytea NOT NULL,
          first_seen_at timestamptz NOT NULL DEFAULT now(),
          CONSTRAINT pk_machine_requests PRIMARY KEY (machine_id, signature)
        )
        """
    )
    op.execute("CREATE INDEX ix_machine_requests_first_seen_at ON machine_requests (first_seen_at)")
    for table in ("roles", *_TABLES):
        protect(table)
    op.execute(
        """
        ALTER TABLE tokens ADD COLUMN owner_id uuid
          CONSTRAINT fk_tokens_owner_id_users REFERENCES users
        """
    )
    for table in ("users", "passwords"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY all_rows ON {table} TO opsrail_worker USING (true) WITH CHECK (true)")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO opsrail_worker")
    op.execute(
        """
        CREATE POLICY fellow_members ON users FOR SELECT TO opsrail_app USING (
          EXISTS (SELECT FROM memberships m WHERE m.user_id = users.id
                  AND m.org_id = nullif(current_setting('app.org_id', true), '')::uuid))
        """
    )
    op.execute("GRANT SELECT ON users TO opsrail_app")


def downgrade() -> None:
    op.execute("DROP POLICY fellow_members ON users")
    op.execute("ALTER TABLE tokens DROP COLUMN owner_id")
    for table in (*_TABLES, "roles", "passwords", "users"):
        op.execute(f"DROP TABLE {table}")
