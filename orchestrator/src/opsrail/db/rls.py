"""SQL that fences a table in by organisation. Migrations call ``protect`` for every table they make."""

from alembic import op

OWN_ROWS = "org_id = nullif(current_setting('app.org_id', true), '')::uuid"


def protect(table: str) -> None:
    """Enable and force row-level security on ``table``.

    ``opsrail_app`` sees the rows of the organisation set in its transaction, none where none is set;
    ``opsrail_worker`` sees all.
    """
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY own_rows ON {table} TO opsrail_app USING ({OWN_ROWS}) WITH CHECK ({OWN_ROWS})")
    op.execute(f"CREATE POLICY all_rows ON {table} TO opsrail_worker USING (true) WITH CHECK (true)")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO opsrail_app, opsrail_worker")
