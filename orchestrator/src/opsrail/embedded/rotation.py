"""Keep log files small: what grew past a size is moved aside. Run by `supervisor.py`."""

import asyncio
import os
import shutil
from datetime import timedelta
from pathlib import Path

MAX_BYTES = 10 * 1024 * 1024
KEPT = 3
PERIOD = timedelta(seconds=10)


async def rotate_for_ever(folder: Path) -> None:
    while True:
        await asyncio.sleep(PERIOD.total_seconds())
        await asyncio.to_thread(rotate, folder)


def rotate(folder: Path, max_bytes: int = MAX_BYTES) -> None:
    """Copy each log over `max_bytes` to `NAME.log.1` (older ones to `.2`, `.3`) and empty it.

    The writers hold the file open for appending, so it is emptied in place; a line written between the copy
    and the emptying is lost.
    """
    for log in folder.glob("*.log"):
        if log.stat().st_size <= max_bytes:
            continue
        for number in range(KEPT - 1, 0, -1):
            older = log.with_name(f"{log.name}.{number}")
            if older.exists():
                older.replace(log.with_name(f"{log.name}.{number + 1}"))
        shutil.copyfile(log, log.with_name(f"{log.name}.1"))
        os.truncate(log, 0)
