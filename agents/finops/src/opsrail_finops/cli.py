"""``opsrail finops …``: sub-commands that need no server. Mounted by the CLI through its entry point."""

import io
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from opsrail_finops.analysis.load import LoadReport
    from opsrail_finops.analysis.totals import TotalsReport

app = typer.Typer(help="Costs, from files.", no_args_is_help=True)

SHOWN_REFUSALS = 20
BILLS = "FOCUS, AWS CUR or Cost Explorer, Azure, OCI or GCP: CSV, gzip, Parquet, JSON"


@app.callback()
def _group() -> None:
    """Costs, from files."""


@app.command()
def totals(
    files: Annotated[list[Path] | None, typer.Argument(help=BILLS)] = None,
    *,
    table: Annotated[Path | None, typer.Option(help="Answer from this table, which `load` fills")] = None,
    by: Annotated[
        str,
        typer.Option(
            help="What to add up by: service, day, month, account, billing_account, region, provider, category, "
            "resource, tag:KEY, or a FOCUS column; several with commas"
        ),
    ] = "service,day",
    as_json: Annotated[bool, typer.Option("--json/--columns", help="A JSON list, or columns to read")] = True,
    report: Annotated[Path | None, typer.Option(help="Write every refused row and why to this JSON file")] = None,
    strict: Annotated[bool, typer.Option(help="Exit with 1 when rows were refused")] = False,
) -> None:
    """Print exact totals. Rows that cannot be read are refused, named on stderr, and not part of the totals."""
    from opsrail_finops.analysis.table import BadTable, table_totals  # noqa: PLC0415
    from opsrail_finops.analysis.tables import BadBill  # noqa: PLC0415
    from opsrail_finops.analysis.totals import totals as add_up  # noqa: PLC0415

    if bool(files) == bool(table):
        _fail("give either files or --table FOLDER")
    dimensions = list(dict.fromkeys(word.strip() for word in by.split(",") if word.strip()))
    try:
        found = table_totals(table, dimensions) if table else add_up(files or (), dimensions)
        if report is not None:
            report.write_text(json.dumps(_refusals(found), indent=1) + "\n")
    except (BadBill, BadTable, OSError) as error:
        _fail(_said(error))
    _warn(found)
    rows = [
        dict(zip(dimensions, total.group, strict=True))
        | {"currency": total.currency, "rows": total.rows}
        | {"billed": f"{total.billed:f}", "effective": f"{total.effective:f}"}
        for total in found.totals
    ]
    if found.refused_count and found.refused_count == found.rows:
        raise typer.Exit(2)
    sys.stdout.write(json.dumps(rows, indent=1) + "\n" if as_json else _table(rows))
    if found.refused_count and strict:
        raise typer.Exit(1)


@app.command()
def load(
    files: Annotated[list[Path], typer.Argument(help=BILLS)],
    table: Annotated[Path, typer.Option(help="Folder of the table; made when it is not there")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object")] = False,
    report: Annotated[Path | None, typer.Option(help="Write every refused row and why to this JSON file")] = None,
    strict: Annotated[bool, typer.Option(help="Store nothing and exit with 1 when rows are refused")] = False,
) -> None:
    """Store bills in a table, all of them or none. Restatements replace, what was loaded before changes nothing."""
    from opsrail_finops.analysis.load import load as store  # noqa: PLC0415
    from opsrail_finops.analysis.table import BadTable  # noqa: PLC0415
    from opsrail_finops.analysis.tables import BadBill  # noqa: PLC0415

    try:
        if report is not None:
            report.touch()
        found = store(table, files, strict=strict)
        if report is not None:
            report.write_text(json.dumps(_refusals(found), indent=1) + "\n")
    except (BadBill, BadTable, OSError) as error:
        _fail(_said(error))
    _warn(found)
    figures = {"rows": found.rows, "stored": found.stored, "replaced": found.replaced, "refused": found.refused_count}
    if as_json:
        sys.stdout.write(json.dumps(figures | {"notes": found.notes}, indent=1) + "\n")
    else:
        sys.stdout.write(", ".join(f"{name} {count}" for name, count in figures.items()) + "\n")
    if found.refused_count and found.refused_count == found.rows:
        raise typer.Exit(2)
    if found.refused_count and strict:
        raise typer.Exit(1)


@app.command()
def forecast(
    horizon: Annotated[int, typer.Option(min=1, max=1000, help="Days ahead")] = 30,
    holidays: Annotated[str | None, typer.Option(help="Country whose holidays may differ, such as US or DE")] = None,
    with_prophet: Annotated[bool, typer.Option(help="Let Prophet take part; needs the extra `prophet`")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object with back-test and month end")] = False,
) -> None:
    """Read `date,cost` as CSV from stdin and print `date,mean,lo80,hi80,lo95,hi95`."""
    from opsrail_finops.analysis.cost_csv import BadSeries, read_costs  # noqa: PLC0415
    from opsrail_finops.analysis.forecast import forecast as look_ahead  # noqa: PLC0415
    from opsrail_finops.forecast_report import extra_methods, holidays_of, report  # noqa: PLC0415

    try:
        start, costs = read_costs(io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8-sig", newline=""))
        days = holidays_of(holidays, start, len(costs) + horizon + 31)
        extra = extra_methods(with_prophet=with_prophet)
        found = look_ahead(start, costs, horizon, holidays=days, extra=extra)
    except (BadSeries, ValueError) as error:
        _fail(str(error))
    for name in extra.keys() - found.errors.keys():
        sys.stderr.write(f"note: {name} took no part, it needs more days\n")
    output = report(found)
    if as_json:
        sys.stdout.write(json.dumps(output.as_dict(), indent=1) + "\n")
        return
    sys.stdout.write(output.as_csv())
    sys.stderr.write(output.summary())


def _said(error: Exception) -> str:
    named = isinstance(error, OSError) and error.filename
    return f"{error.filename}: {error.strerror}" if named else str(error)  # type: ignore[attr-defined]


def _warn(found: "TotalsReport | LoadReport") -> None:
    for note in found.notes:
        sys.stderr.write(f"note: {note}\n")
    for row in found.refused[:SHOWN_REFUSALS]:
        sys.stderr.write(f"refused: {row}\n")
    if found.refused_count > SHOWN_REFUSALS:
        sys.stderr.write(f"refused: {found.refused_count - SHOWN_REFUSALS} more rows, --report FILE lists them\n")
    if found.refused_count:
        sys.stderr.write(f"warning: {found.refused_count} of {found.rows} rows were refused and are left out\n")


def _refusals(found: "TotalsReport | LoadReport") -> dict[str, object]:
    rows = [asdict(row) for row in found.refused]
    return {"rows": found.rows, "refused": found.refused_count, "refusals": rows, "notes": found.notes}


def _table(rows: Sequence[Mapping[str, object]]) -> str:
    if not rows:
        return ""
    lines = [list(rows[0]), *([("" if cell is None else str(cell)) for cell in row.values()] for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n"
        for line in lines
    )


def _fail(message: str) -> NoReturn:
    sys.stderr.write(message + "\n")
    raise typer.Exit(2)
