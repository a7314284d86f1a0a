"""Alembic, called by ``opsrail up``, by the tests and by hand: ``python -m opsrail.db.migrate URL [REVISION]``.

Replicas that start together take turns behind an advisory lock.
"""

import sys

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text

from opsrail.db import scripts

_LOCK = 0x6F707372
"""Key of the advisory lock: "opsr"."""


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(scripts.folder()))
    config.attributes["url"] = url
    return config


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database at ``url`` (a login that owns the tables) up to ``revision``."""
    _locked(url, revision, up=True)


def downgrade(url: str, revision: str) -> None:
    """Take the database back to ``revision``; ``base`` is empty."""
    _locked(url, revision, up=False)


def _locked(url: str, revision: str, *, up: bool) -> None:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
            connection.commit()
            config = _config(url)
            config.attributes["connection"] = connection
            (command.upgrade if up else command.downgrade)(config, revision)
            connection.commit()
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
            connection.commit()
    finally:
        engine.dispose()


if __name__ == "__main__":
    upgrade(sys.argv[1], *sys.argv[2:3])
