"""How commands speak: tables or JSON on stdout, everything else on stderr."""

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, NoReturn

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from opsrail.plain import plain

PIPE_WIDTH = 10_000
out = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)
"""Tables fit the terminal; what goes to a file or a pipe stays on one line."""
err = Console(stderr=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON (JSON lines where it streams)")]

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_COLOURS = {
    "succeeded": "green",
    "enabled": "green",
    "ready": "green",
    "verified": "green",
    "running": "cyan",
    "queued": "blue",
    "requested": "blue",
    "installed": "blue",
    "disabled": "yellow",
    "degraded": "yellow",
    "cancelled": "yellow",
    "interrupted": "magenta",
    "failed": "red",
    "denied": "red",
    "timed_out": "red",
    "unverified": "red",
}


def fail(message: str, *, code: int = 1) -> NoReturn:
    """Say what is wrong and leave with a status other than 0."""
    err.print(Text("error: ", style="bold red").append(plain(message), style="default"), soft_wrap=True)
    raise SystemExit(code)


def say(message: str) -> None:
    """A message for people; never on stdout."""
    err.print(plain(message), markup=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """One JSON document on a line of its own, flushed, so that pipes see it at once."""
    sys.stdout.write(orjson.dumps(value).decode() + "\n")
    sys.stdout.flush()


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str) -> None:
    """A table; ``empty`` says what there is none of, and what to do about it. Ids stay whole, to be copied."""
    table = Table(box=None, header_style="bold dim", pad_edge=False)
    cells = [tuple(row) for row in rows]
    for place, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=any(_is_id(row[place]) for row in cells))
    for row in cells:
        table.add_row(*(_cell(value) for value in row))
    if table.row_count:
        out.print(table)
    else:
        say(empty)


def print_record(record: Mapping[str, Any]) -> None:
    """One thing, a line per field; nested values as JSON."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for key, value in record.items():
        table.add_row(key.replace("_", " "), _cell(value))
    out.print(table)


def ago(moment: str | None) -> str:
    """An ISO time as a distance from now."""
    if not moment:
        return "-"
    seconds = int((datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if abs(seconds) >= size:
            return f"{seconds // size}{unit} ago"
    return f"{max(seconds, 0)}s ago"


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _cell(value: Any) -> Text:
    if value is None:
        return Text("-", style="dim")
    if isinstance(value, dict | list):
        return Text(plain(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()))
    text = plain(str(value))
    return Text(text, style=_COLOURS.get(text, ""))
