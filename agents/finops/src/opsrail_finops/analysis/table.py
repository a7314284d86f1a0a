"""One FOCUS table: normalised rows as Parquet in a folder, and exact totals from it.

`load.py` writes it; the `totals` query and command read it. The folder holds `table.json`, which names the parts, and
`parts/`, whose files any reader of Parquet can open. A part is what one delivery says of one scope (provider, billing
account, billing period, invoice issuer). `table.json` is replaced in one step, so that a load is there as a whole or
not at all, whenever the process or the machine stops.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pyarrow as pa
from pyarrow import parquet
from pydantic import BaseModel, ConfigDict, ValidationError

from opsrail_finops.analysis.columns import mapped, tag_reader
from opsrail_finops.analysis.layouts import bare
from opsrail_finops.analysis.rows import COSTS, DAY, PLACES_OF, SHORT
from opsrail_finops.analysis.sums import by_day, joined
from opsrail_finops.analysis.tables import BadBill
from opsrail_finops.analysis.totals import TotalsReport

NARROW = pa.decimal128(38, 24)
"""How costs are kept, which every reader of Parquet knows; row groups with one that does not fit have files of their
own, with 76 digits.
"""
LOADING = "loading"
_MANIFEST, _NEXT, _PARTS, _LOCK = "table.json", "table.json.next", "parts", "load.lock"
_BATCH_ROWS = 1 << 17


class BadTable(ValueError):
    """The folder holds no table, a damaged one, or somebody else is loading into it."""


class Part(BaseModel):
    """What one delivery says of one scope. `files` are names below `parts/`."""

    model_config = ConfigDict(frozen=True)

    scope: tuple[str | None, ...]
    delivery: str
    days: tuple[str, ...]
    rows: int
    files: tuple[str, ...]


class Manifest(BaseModel):
    """`deliveries`: the SHA-256 of the files of each that was ever loaded, so that none is loaded twice."""

    format: Literal[1] = 1
    deliveries: list[list[str]] = []
    parts: list[Part] = []


def table_totals(folder: Path, by: Sequence[str] = ("service", "day")) -> TotalsReport:
    """The totals of all that was loaded: the same as from the files, had they been read in one call.

    A part without a column for one of `by` counts under no value.

    Raises:
        BadTable: there is no table.
        BadBill: no part has a column for one of `by`.
    """
    with _locked(folder, fcntl.LOCK_SH):
        parts = _read(folder).parts
        answered: set[str] = set()
        days = [(part.scope, by_day(_batches(folder, part, by, answered), by)) for part in parts]
    for name in by:
        if parts and name not in answered:
            raise BadBill(f"{folder.name}: there is no column to add up by {name}")
    return TotalsReport(by=tuple(by), totals=joined(days), rows=sum(part.rows for part in parts))


@contextmanager
def loading(folder: Path) -> Iterator[Manifest]:
    """The table to be added to, made if need be; no other process can load meanwhile, reading goes on.

    Raises:
        BadTable: the folder holds other things, or another process is loading.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if strangers := {path.name for path in folder.iterdir()} - {_MANIFEST, _NEXT, _PARTS, _LOCK, LOADING}:
        raise BadTable(f"{folder}: is no table, it holds {min(strangers)}")
    with (folder / _LOCK).open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadTable(f"{folder}: another process is loading into it") from None
        manifest = _read(folder) if (folder / _MANIFEST).exists() else Manifest()
        _sweep(folder, manifest)
        (folder / _PARTS).mkdir(exist_ok=True)
        (folder / LOADING).mkdir()
        try:
            yield manifest
        finally:
            shutil.rmtree(folder / LOADING, ignore_errors=True)


def commit(folder: Path, manifest: Manifest) -> None:
    """Makes this the table. Files of its parts that are still below `loading/` must be on disk already."""
    with _locked(folder, fcntl.LOCK_EX):
        for staged in (folder / LOADING).iterdir():
            staged.rename(folder / _PARTS / staged.name)
        sync(folder / _PARTS)
        with (folder / _NEXT).open("w") as file:
            file.write(manifest.model_dump_json(indent=1))
            file.flush()
            os.fsync(file.fileno())
        (folder / _NEXT).rename(folder / _MANIFEST)
        sync(folder)
        _sweep(folder, manifest)


def sync(path: Path) -> None:
    """Waits until a file, or which files a folder holds, is on disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _sweep(folder: Path, manifest: Manifest) -> None:
    """Removes replaced parts and what a load that was stopped left behind."""
    named = {name for part in manifest.parts for name in part.files}
    for path in (folder / _PARTS).glob("*.parquet"):
        if path.name not in named:
            path.unlink()
    shutil.rmtree(folder / LOADING, ignore_errors=True)


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    """Readers share the folder's lock, so that no part is removed under them; a commit takes it for itself."""
    try:
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        raise BadTable(f"{folder}: there is no table") from None
    try:
        fcntl.flock(opened, how)
        yield
    finally:
        os.close(opened)


def _read(folder: Path) -> Manifest:
    try:
        return Manifest.model_validate_json((folder / _MANIFEST).read_bytes())
    except FileNotFoundError:
        raise BadTable(f"{folder}: there is no table") from None
    except ValidationError as error:
        raise BadTable(f"{folder / _MANIFEST}: is damaged: {error.errors()[0]['msg']}") from error


def _batches(folder: Path, part: Part, by: Sequence[str], answered: set[str]) -> Iterator[pa.Table]:
    for name in part.files:
        try:
            with parquet.ParquetFile(folder / _PARTS / name) as file:
                yield from _answers(file, by, answered)
        except (OSError, pa.ArrowException) as error:
            raise BadTable(f"{folder / _PARTS / name}: is damaged: {str(error).splitlines()[0]}") from error


def _answers(file: parquet.ParquetFile, by: Sequence[str], answered: set[str]) -> Iterator[pa.Table]:
    names = file.schema_arrow.names
    found = {dimension: _column(names, dimension) for dimension in by}
    answered |= {dimension for dimension, column in found.items() if column is not None}
    always = [DAY, "BillingCurrency", *COSTS, *PLACES_OF.values()]
    if absent := set(always) - set(names):
        raise pa.ArrowInvalid(f"it has no column {min(absent)}")
    wanted = list(dict.fromkeys([*always, *(column for column in found.values() if column is not None)]))
    for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=wanted, use_threads=False):
        columns = {name: batch.column(name) for name in always}
        # Sums of narrow costs need more digits than these have.
        columns |= {cost: columns[cost].cast(pa.decimal256(76, columns[cost].type.scale)) for cost in COSTS}
        for dimension, column in found.items():
            values = pa.nulls(batch.num_rows, pa.string()) if column is None else batch.column(column)
            tags = column == "Tags" and dimension.startswith("tag:")
            columns[SHORT.get(dimension, dimension)] = mapped(values, tag_reader(dimension)) if tags else values
        yield pa.table(columns)


def _column(names: Sequence[str], dimension: str) -> str | None:
    if dimension in {"day", "month"}:
        return DAY
    if dimension == "currency":
        return "BillingCurrency"
    if dimension.startswith("tag:"):
        own = f"tag:{bare(dimension.removeprefix('tag:'))}"
        return next((name for name in (own, "Tags") if name in names), None)
    asked = bare(SHORT.get(dimension, dimension))
    return next((name for name in names if bare(name) == asked and name not in COSTS), None)
