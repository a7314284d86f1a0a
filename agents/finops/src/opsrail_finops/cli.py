"""``opsrail finops …``: sub-commands that need no server. Mounted by the CLI through its entry point."""

import json
import sys
from pathlib import Path
from typing import Annotated, get_args

import typer

app = typer.Typer(help="Costs, from files.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Costs, from files."""


@app.command()
def totals(
    files: Annotated[list[Path], typer.Argument(help="FOCUS files: CSV, gzipped CSV or Parquet")],
    by: Annotated[str, typer.Option(help="What to add up by: service, day, or both")] = "service,day",
) -> None:
    """Print exact totals as a JSON list."""
    from opsrail_finops.analysis.focus import BadFocus  # noqa: PLC0415
    from opsrail_finops.analysis.totals import Dimension, totals_of  # noqa: PLC0415

    dimensions = [word.strip() for word in by.split(",") if word.strip()]
    unknown = [word for word in dimensions if word not in get_args(Dimension)]
    if unknown:
        _fail(f"cannot add up by {', '.join(unknown)}; there are {', '.join(get_args(Dimension))}")
    try:
        found = totals_of(files, dimensions)  # type: ignore[arg-type]
    except BadFocus as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}")
    rows = []
    for total in found:
        row: dict[str, object] = {}
        if "service" in dimensions:
            row["service"] = total.service
        if "day" in dimensions:
            row["day"] = total.day.isoformat() if total.day else None
        row |= {"currency": total.currency, "rows": total.rows}
        row |= {"billed": f"{total.billed:f}", "effective": f"{total.effective:f}"}
        rows.append(row)
    sys.stdout.write(json.dumps(rows, indent=1) + "\n")


def _fail(message: str) -> None:
    sys.stderr.write(message + "\n")
    raise typer.Exit(2)
