"""`opsrail monitoring …`: the engines on your own data, no server needed. Mounted by the `opsrail` command."""

from __future__ import annotations

import io
import sys
from dataclasses import asdict
from json import dumps
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from opsrail_monitoring.analysis.detector import Verdict
    from opsrail_monitoring.analysis.series import Row

app = typer.Typer(no_args_is_help=True, help="Try the monitoring engines on your own data; no server needed")


@app.callback()
def _group() -> None:
    """Keeps `score` a sub-command while it is the only one."""


@app.command()
def score(json: Annotated[bool, typer.Option("--json", help="One JSON object per row")] = False) -> None:
    """Score each row of a CSV `timestamp,value` from stdin: one number in [0, 1] per row, 0.5 and above an anomaly.

    With --json each row also tells the expected band and the reason in words.
    """
    from opsrail_monitoring.analysis.detector import Detector  # noqa: PLC0415 - keeps the import of the group light
    from opsrail_monitoring.analysis.series import SeriesError, read_series  # noqa: PLC0415

    detector = Detector()
    write, flush = sys.stdout.write, sys.stdout.flush
    lines = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8-sig", newline="")
    try:
        for row in read_series(lines):
            verdict = detector.update(row.at, row.value)
            write(_as_json(row, verdict) if json else f"{verdict.score:.6f}\n")
            flush()
    except SeriesError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None


def _as_json(row: Row, verdict: Verdict) -> str:
    return dumps({"timestamp": row.timestamp, "value": row.value, **asdict(verdict)}) + "\n"
