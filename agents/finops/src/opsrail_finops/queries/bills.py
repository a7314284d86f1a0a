"""Bills below the allowed folders, added up for the queries that read files. Called by `totals` and `forecast`."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from opsrail_finops.settings import FinopsConfig
from opsrail_sdk.errors import InvalidInput, NotFound, Refused

if TYPE_CHECKING:
    from opsrail_finops.analysis.totals import TotalsReport

SHOWN_REFUSALS = 5


async def added_up(
    config: FinopsConfig, files: Sequence[str], by: Sequence[str], *, allow_refused: bool
) -> "TotalsReport":
    """Exact sums of these files.

    Raises:
        InvalidInput: a file is no bill, or rows cannot be read and ``allow_refused`` is not set.
        NotFound, Refused: a file is not there, or in none of the folders that the config allows.
    """
    from opsrail_finops.analysis.tables import BadBill  # noqa: PLC0415
    from opsrail_finops.analysis.totals import totals  # noqa: PLC0415

    paths = [_allowed(name, config.roots) for name in files]
    try:
        found = await asyncio.to_thread(totals, paths, by)
    except BadBill as error:
        raise InvalidInput(str(error)) from error
    if found.refused_count and not allow_refused:
        shown = "; ".join(str(row) for row in found.refused[:SHOWN_REFUSALS])
        raise InvalidInput(f"{found.refused_count} of {found.rows} rows cannot be read: {shown}")
    return found


async def stored(config: FinopsConfig, table: str, by: Sequence[str]) -> "TotalsReport":
    """Exact sums of all that was loaded into this table.

    Raises:
        InvalidInput: the folder holds no table, or the table no column for one of ``by``.
        NotFound, Refused: the folder is not there, or in none of the folders that the config allows.
    """
    from opsrail_finops.analysis.table import BadTable, table_totals  # noqa: PLC0415
    from opsrail_finops.analysis.tables import BadBill  # noqa: PLC0415

    folder = _below(table, config.roots)
    if not folder.is_dir():
        raise NotFound(f"there is no folder {table}")
    try:
        return await asyncio.to_thread(table_totals, folder, by)
    except (BadBill, BadTable) as error:
        raise InvalidInput(str(error)) from error


def _allowed(name: str, roots: Sequence[Path]) -> Path:
    real = _below(name, roots)
    if not real.is_file():
        raise NotFound(f"there is no file {name}")
    return real


def _below(name: str, roots: Sequence[Path]) -> Path:
    if not Path(name).is_absolute():
        raise InvalidInput(f"{name} must be an absolute path")
    real = Path(os.path.realpath(name))
    if not any(real.is_relative_to(root.resolve()) for root in roots):
        raise Refused("the file is in none of the roots that the agent's config allows", code="file_not_allowed")
    return real
