"""The database's migrations, in a process of their own that gives its memory back. Called by `supervisor.py`.

The process reads the address from its standard input, so that no password shows on a command line. A database that
is up to date, as at almost every start, needs none.
"""

import asyncio
import contextlib
import sys
from typing import Self

import structlog

from opsrail.embedded.child import StartFailedError

log = structlog.get_logger()

PROGRAM = "from opsrail.db.migrate import upgrade; upgrade(input())"


async def migrate(url: str) -> None:
    """Bring the database at `url`, as SQLAlchemy writes it, up to date where it is not.

    Raises:
        StartFailedError: it cannot be reached or used, or could not be migrated; the message says why.
    """
    if await asyncio.to_thread(_up_to_date, url):
        return
    migration = await Migration.load()
    try:
        await migration.run(url)
    finally:
        await migration.abandon()


class Migration:
    """One run of the migrations; `abandon` ends it wherever it is."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def load(cls) -> Self:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            PROGRAM,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        return cls(process)

    async def run(self, url: str) -> None:
        """Bring the database at `url` up to date.

        Raises:
            StartFailedError: it could not be migrated; the message holds what the process said.
        """
        output, _ = await self._process.communicate(f"{url}\n".encode())
        if self._process.returncode:
            said = output.decode(errors="replace").strip()
            raise StartFailedError(f"the database could not be migrated:\n{said}")
        log.info("database_migrated")

    async def abandon(self) -> None:
        """End the process when it has not ended; DDL is transactional, so no step is half done."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.communicate()


def _up_to_date(url: str) -> bool:
    from psycopg import Error  # noqa: PLC0415 - loaded while the orchestrator is

    from opsrail.db.scripts import UnknownRevisionError, up_to_date  # noqa: PLC0415

    try:
        return up_to_date(url)
    except (Error, UnknownRevisionError) as error:
        raise StartFailedError(f"the database cannot be used: {error}") from error
