"""Keep log files small: what grew past a size is moved aside. Run by `supervisor.py`."""

import asyncio
import os
import shutil
from datetime import timedelta
from pathlib import Path

import structlog

log = structlog.get_logger()

MAX_BYTES = 10 * 1024 * 1024
KEPT = 3
PERIOD = timedelta(seconds=10)


async def rotate_for_ever(folder: Path) -> None:
    while True:
        await asyncio.sleep(PERIOD.total_seconds())
        try:
            await asyncio.to_thread(rotate, folder)
        except OSError as error:  # a full disk, say
            log.warning("logs_not_rotated", folder=str(folder), problem=str(error))


def rotate(folder: Path, max_bytes: int = MAX_BYTES) -> None:
    """Copy each log over `max_bytes` to `NAME.log.1` (older ones to `.2`, `.3`) and empty it.

    The writers hold the file open for appending, so it is emptied in place; a line written between the copy
    and the emptying is lost.
    """
    for file in folder.glob("*.log"):
        if file.stat().st_size <= max_bytes:
            continue
        for number in range(KEPT - 1, 0, -1):
            older = file.with_name(f"{file.name}.{number}")
            if older.exists():
                older.replace(file.with_name(f"{file.name}.{number + 1}"))
        shutil.copyfile(file, file.with_name(f"{file.name}.1"))
        os.truncate(file, 0)
