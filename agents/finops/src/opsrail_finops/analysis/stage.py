"""Writes the rows of one bill as Parquet, apart by scope. Called by `load.py`.

Rows wait, in up to 128 MB, until they fill a row group, so that a bill of many scopes makes no tiny groups.
"""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from opsrail_finops.analysis.rows import COSTS, DAY, SCOPE, Key
from opsrail_finops.analysis.table import NARROW, sync

_GROUP_ROWS = 1 << 17
_PENDING_BYTES = 128 << 20
_MOST_OPEN = 32


@dataclass
class Staged:
    """What a bill says of one scope; `files` are names below the folder it was staged in."""

    days: set[str] = field(default_factory=set)
    rows: int = 0
    files: list[str] = field(default_factory=list)

    def add(self, other: "Staged") -> None:
        self.days |= other.days
        self.rows += other.rows
        self.files += other.files


def stage(folder: Path, batches: Iterable[pa.Table]) -> dict[Key, Staged]:
    """Writes all batches; the files are on disk when this returns.

    Raises:
        OSError: the folder cannot be written.
    """
    found: dict[Key, Staged] = {}
    writers = _Writers(folder)
    waiting: dict[Key, list[pa.Table]] = {}
    try:
        for batch in batches:
            for scope, rows in _by_scope(batch):
                held = found.setdefault(scope, Staged())
                held.rows += rows.num_rows
                held.days.update(rows.column(DAY).unique().to_pylist())
                waiting.setdefault(scope, []).append(rows)
                if sum(table.num_rows for table in waiting[scope]) >= _GROUP_ROWS:
                    held.files += writers.write(scope, waiting.pop(scope))
            if sum(table.nbytes for tables in waiting.values() for table in tables) >= _PENDING_BYTES:
                for scope in list(waiting):
                    found[scope].files += writers.write(scope, waiting.pop(scope))
        for scope, tables in waiting.items():
            found[scope].files += writers.write(scope, tables)
    finally:
        writers.close()
    return found


def _by_scope(batch: pa.Table) -> Iterator[tuple[Key, pa.Table]]:
    numbered = batch.select(list(SCOPE)).append_column("at", pa.array(range(batch.num_rows), pa.int64()))
    grouped = numbered.group_by(list(SCOPE), use_threads=False).aggregate([("at", "list")])
    for index, row in enumerate(grouped.select(list(SCOPE)).to_pylist()):
        rows = batch if grouped.num_rows == 1 else batch.take(grouped.column("at_list")[index].values)
        yield tuple(row[name] for name in SCOPE), rows


class _Writers:
    """At most 32 files are open; a scope that comes back after it was closed goes on in another file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[tuple[Key, bool], tuple[Path, parquet.ParquetWriter]] = {}

    def write(self, scope: Key, tables: list[pa.Table]) -> list[str]:
        """The names of the files that were begun for it."""
        table = pa.concat_tables(tables)
        narrow = _with_costs(table, NARROW)
        key = (scope, narrow is None)
        begun = []
        if (opened := self._open.pop(key, None)) is None:
            if len(self._open) >= _MOST_OPEN:
                self._finish(next(iter(self._open)))
            path = self._folder / f"{uuid.uuid4().hex}.parquet"
            schema = (narrow or table).schema
            opened = (path, parquet.ParquetWriter(path, schema, compression="zstd"))
            begun.append(path.name)
        self._open[key] = opened
        opened[1].write_table(narrow or table)
        return begun

    def close(self) -> None:
        for key in list(self._open):
            self._finish(key)

    def _finish(self, key: tuple[Key, bool]) -> None:
        path, writer = self._open.pop(key)
        writer.close()
        sync(path)


def _with_costs(table: pa.Table, kind: pa.Decimal128Type) -> pa.Table | None:
    """`None` when a cost does not fit without rounding."""
    try:
        for cost in COSTS:
            table = table.set_column(table.column_names.index(cost), cost, table.column(cost).cast(kind))
    except pa.ArrowInvalid:
        return None
    return table
