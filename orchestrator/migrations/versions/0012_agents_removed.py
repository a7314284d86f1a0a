"""Which agents an organisation did away with, so that no start brings them back."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.execute("ALTER TABLE organisations ADD COLUMN agents_removed text[] NOT NULL DEFAULT '{}'")


def downgrade() -> None:
    op.execute("ALTER TABLE organisations DROP COLUMN agents_removed")
