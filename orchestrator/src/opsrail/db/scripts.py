"""Where the migrations are and which is the newest, told from their names: a start need not load Alembic for that."""

from pathlib import Path

import psycopg
from psycopg.errors import UndefinedTable


def folder() -> Path:
    """Folder of the migrations: in the checkout, or inside an installed wheel."""
    package = Path(__file__).parents[1]
    inside = package / "_migrations"
    return inside if inside.is_dir() else package.parents[1] / "migrations"


class UnknownRevisionError(RuntimeError):
    """The database was changed by a later version than this one."""


def revisions() -> list[str]:
    """All of them, the newest last; a migration's file begins with its revision, ``0001_base.py``."""
    return sorted(path.name.partition("_")[0] for path in (folder() / "versions").glob("[0-9]*.py"))


def up_to_date(url: str) -> bool:
    """Whether the database at ``url``, as SQLAlchemy writes it, is at the newest revision.

    Raises:
        psycopg.OperationalError: it cannot be reached.
        UnknownRevisionError: it is at a revision that is not among ours.
    """
    known = revisions()
    plain = url.replace("postgresql+psycopg://", "postgresql://", 1)
    with psycopg.connect(plain, connect_timeout=10) as connection:
        try:
            found = [revision for (revision,) in connection.execute("SELECT version_num FROM alembic_version")]
        except UndefinedTable:
            return False
    if later := ", ".join(sorted(set(found) - set(known))):
        raise UnknownRevisionError(
            f"it is at revision {later}, of a later version of Opsrail; this one ends at {known[-1]}"
        )
    return found == known[-1:]
