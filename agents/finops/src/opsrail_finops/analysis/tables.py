"""Opens a bill as batches of text columns, whatever it is stored as. Called by `rows.py`.

CSV (also gzipped, UTF-16, with another delimiter), Parquet, JSON and JSON lines are told apart by their content.
"""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from io import BufferedReader
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from opsrail_finops.analysis.json_bills import KEPT_TOGETHER, BadJson, json_rows
from opsrail_finops.analysis.layouts import LAYOUTS, Layout, layout_of
from opsrail_finops.analysis.open_quote import CountedQuotes, open_quote

_GZIP, _PARQUET, _UTF16 = b"\x1f\x8b", b"PAR1", (b"\xff\xfe", b"\xfe\xff")
_BLOCK_BYTES = 8 << 20
"""Arrow reads up to 32 blocks ahead, which is what bounds the memory."""
_BATCH_ROWS = 150_000
_HEADER_BYTES = 1 << 20
_NOT_UTF8 = re.compile(r"column #(?P<column>\d+): Row #(?P<row>\d+): .*invalid UTF8")
NO_VALUE = ("", "NULL")


class BadBill(ValueError):
    """The file as a whole cannot be read; the message names the file and says why."""


@dataclass
class Table:
    """One opened file. `read(columns)` starts anew on each call; `misfits`: what it refused, by row of data from 1;
    `above`: rows of the file that stand above the data, 0 where there is no header to count.
    """

    path: Path
    header: list[str]
    layout: Layout
    read: Callable[[Sequence[str]], Iterator[pa.RecordBatch]]
    misfits: dict[int, str] = field(default_factory=dict)
    above: int = 0


def open_table(path: Path) -> Table:
    """Recognises storage and layout.

    Raises:
        BadBill: it is empty, damaged, or no bill that we know.
        OSError: the file cannot be opened.
    """
    with path.open("rb") as file:
        magic = file.read(4)
    if magic == _PARQUET:
        return _parquet(path)
    zipped = magic[:2] == _GZIP
    with _readable(path), _plain(path, zipped=zipped) as file:
        head = file.read(_HEADER_BYTES)
    if not head.strip():
        raise BadBill(f"{path.name}: the file is empty")
    if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in {b"{", b"["}:
        return _json(path, zipped=zipped)
    return _csv(path, head, zipped=zipped)


def _plain(path: Path, *, zipped: bool) -> gzip.GzipFile | BufferedReader:
    return gzip.open(path, "rb") if zipped else path.open("rb")


@contextmanager
def _readable(path: Path, header: Sequence[str] = ()) -> Iterator[None]:
    try:
        yield
    except EOFError as error:
        raise BadBill(f"{path.name}: the compressed file ends too early") from error
    except pa.ArrowInvalid as error:
        if header and (place := _NOT_UTF8.search(str(error))) is not None:
            column, row = header[int(place["column"])], place["row"]
            raise BadBill(f"{path.name}, row {row}, column {column}: is not UTF-8 text") from error
        raise BadBill(f"{path.name}: cannot be read: {str(error).splitlines()[0]}") from error
    except (OSError, zlib.error, UnicodeError, pa.ArrowException, BadJson, csv.Error) as error:
        raise BadBill(f"{path.name}: cannot be read: {str(error).splitlines()[0]}") from error


def _recognised(path: Path, header: list[str]) -> Layout:
    layout = layout_of(header)
    if layout is None:
        raise BadBill(
            f"{path.name}: no bill that is known here. Its columns are {_few(header)}; "
            f"FOCUS needs ChargePeriodStart and BilledCost, the others are {', '.join(_other_names())}"
        )
    return layout


def _other_names() -> list[str]:
    return list(dict.fromkeys(layout.name for layout in LAYOUTS[1:]))


def _few(header: Sequence[str]) -> str:
    shown = ", ".join(repr(name[:40]) for name in header[:8])
    return f"{shown} and {len(header) - 8} more" if len(header) > 8 else shown


def _csv(path: Path, head: bytes, *, zipped: bool) -> Table:
    encoding = "utf-16" if head[:2] in _UTF16 else "utf-8"
    with _readable(path):
        # A cut inside a character at the end of the head is no fault of the file.
        text = head.decode("utf-16" if encoding == "utf-16" else "utf-8-sig", errors="replace")
    lines = io.StringIO(text, newline=None)
    skipped = 0
    first = lines.readline()
    while first and (not first.strip() or first.lower().startswith("sep=")):
        skipped += 1
        first = lines.readline()
    rest = list(islice(lines, 200))
    if "\0" in first:
        raise BadBill(f"{path.name}: is no text: the first line holds NUL characters")
    delimiter, header = _delimiter(path, first, rest)
    layout = _recognised(path, header)
    table = Table(path, header, layout, read=lambda _: iter(()), above=skipped + 1)

    def misfit(row: Any) -> str:
        table.misfits[row.number - skipped - 1] = (
            f"has {row.actual_columns} fields, the header {row.expected_columns}"
        )
        return "skip"

    def read(columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        table.misfits.clear()
        for name in columns:
            if header.count(name) > 1:
                raise BadBill(f"{path.name}: the column {name!r} is there {header.count(name)} times")
        with _readable(path, header), _plain(path, zipped=zipped) as file:
            counted = CountedQuotes(file)
            yield from arrow_csv.open_csv(
                counted,
                read_options=arrow_csv.ReadOptions(
                    use_threads=False,
                    block_size=_BLOCK_BYTES,
                    encoding=encoding,
                    skip_rows=skipped + 1,
                    column_names=header,
                ),
                parse_options=arrow_csv.ParseOptions(
                    delimiter=delimiter, newlines_in_values=True, invalid_row_handler=misfit
                ),
                convert_options=arrow_csv.ConvertOptions(
                    include_columns=list(columns),
                    column_types=dict.fromkeys(columns, pa.string()),
                    null_values=NO_VALUE,
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=True,
                ),
            )
        if counted.odd and (row := _open_quote(path, zipped, encoding, delimiter)) is not None:
            raise BadBill(f"{path.name}: a quote that is opened in row {row} is never closed")

    table.read = read
    return table


def _open_quote(path: Path, zipped: bool, encoding: str, delimiter: str) -> int | None:
    with _plain(path, zipped=zipped) as file, io.TextIOWrapper(file, encoding=encoding, newline="") as lines:
        return open_quote(lines, delimiter)


def _delimiter(path: Path, first: str, rest: list[str]) -> tuple[str, list[str]]:
    tried = []
    for delimiter in ",;\t|":
        with _readable(path):
            header = next(csv.reader(chain([first], rest), delimiter=delimiter), [])
        tried.append([name.strip() for name in header])
        if layout_of(header) is not None:
            return delimiter, header
    widest = max(tried, key=len)
    _recognised(path, widest)
    return ",", widest


def _parquet(path: Path) -> Table:
    with _readable(path), parquet.ParquetFile(path) as file:
        paths = {".".join(names): names for names in _leaves(file.schema_arrow)}

    def read(columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        with _readable(path), parquet.ParquetFile(path) as file:
            whole = list(dict.fromkeys(paths[name][0] for name in columns))
            for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=whole, use_threads=False):
                arrays = [_text(_leaf(batch, paths[name])) for name in columns]
                yield pa.RecordBatch.from_arrays(arrays, names=list(columns))

    return Table(path, list(paths), _recognised(path, list(paths)), read)


def _leaves(fields: Iterable[pa.Field], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Columns by their path: structs are columns within a column, but for tags, which are kept together."""
    for field_ in fields:
        names = (*above, field_.name)
        if pa.types.is_struct(field_.type) and field_.name.casefold() not in KEPT_TOGETHER:
            yield from _leaves(field_.type, names)
        else:
            yield names


def _leaf(batch: pa.RecordBatch, names: Sequence[str]) -> pa.Array:
    column = batch.column(names[0])
    return pc.struct_field(column, list(names[1:])) if names[1:] else column


def _text(column: pa.Array) -> pa.Array:
    """Times become UTC text; a float its shortest text, so that 0.1 is one tenth; maps and structs JSON."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _text(column.dictionary_decode())
    if pa.types.is_timestamp(kind):
        column = column.cast(pa.timestamp("us", kind.tz), safe=False)
        column = column.cast(pa.timestamp("us"), safe=False) if kind.tz else column
    elif pa.types.is_nested(kind):
        from opsrail_finops.analysis.json_bills import as_json  # noqa: PLC0415

        return pa.array([as_json(value) for value in column.to_pylist()], pa.string())
    column = column.cast(pa.string())
    return pc.if_else(pc.is_in(column, pa.array(NO_VALUE)), pa.scalar(None, pa.string()), column)


def _json(path: Path, *, zipped: bool) -> Table:
    def rows() -> Generator[dict[str, str | None], None, None]:
        opened = _plain(path, zipped=zipped)
        with _readable(path), opened as file, io.TextIOWrapper(file, encoding="utf-8-sig") as text:
            yield from json_rows(text)

    with closing(rows()) as first:
        header = list(dict.fromkeys(name for row in islice(first, 1000) for name in row))

    def read(columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        waiting = rows()
        while chunk := list(islice(waiting, _BATCH_ROWS)):
            yield _batch(columns, chunk)

    return Table(path, header, _recognised(path, header), read)


def _batch(columns: Sequence[str], rows: Iterable[dict[str, str | None]]) -> pa.RecordBatch:
    arrays = [
        pa.array([None if (value := row.get(name)) in NO_VALUE else value for row in rows], pa.string())
        for name in columns
    ]
    return pa.RecordBatch.from_arrays(arrays, names=list(columns))
