"""Where the migrations are and which is the newest, told from their names: a start need not load Alembic for that."""

from pathlib import Path

import psycopg
from psycopg.errors import UndefinedTable


def folder() -> Path:
    """Folder of the migrations: in the checkout, or inside an installed wheel."""
    package = Path(__file__).parents[1]
    inside = package / "_migrations"
    return inside if inside.is_dir() else package.parents[1] / "migrations"


def head() -> str:
    """The newest revision; a migration's file begins with its revision, ``0001_base.py``."""
    return max(path.name.partition("_")[0] for path in (folder() / "versions").glob("[0-9]*.py"))


def up_to_date(url: str) -> bool:
    """Whether the database at ``url``, as SQLAlchemy writes it, is at the newest revision.

    Raises:
        psycopg.OperationalError: it cannot be reached.
    """
    plain = url.replace("postgresql+psycopg://", "postgresql://", 1)
    with psycopg.connect(plain, connect_timeout=10) as connection:
        try:
            return connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(head(),)]
        except UndefinedTable:
            return False
