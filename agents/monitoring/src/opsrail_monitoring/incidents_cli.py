"""`opsrail incidents …`: explain an incident from its metrics, no server needed. Mounted by the `opsrail` command."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Explain incidents")


@app.callback()
def _group() -> None:
    """Keeps `rank-causes` a sub-command while it is the only one."""


@app.command()
def rank_causes(
    as_json: Annotated[bool, typer.Option("--json", help="Always so; for symmetry")] = True,
) -> None:
    """Rank the likely causes of the incident on stdin, a JSON object with target, graph, normal and abnormal.

    Prints a JSON list of {"node", "score", "why"}, likeliest first. Low scores mean: don't know.
    """
    del as_json
    from opsrail_monitoring.analysis import explain  # noqa: PLC0415 - keeps the import of the group light
    from opsrail_monitoring.analysis.incident_case import CaseError, parse_incident  # noqa: PLC0415

    try:
        incident = parse_incident(json.loads(sys.stdin.buffer.read()))
    except CaseError as error:
        _refuse(str(error))
    except (UnicodeDecodeError, RecursionError):
        _refuse("not JSON: neither UTF-8 text nor of a sane depth")
    except json.JSONDecodeError as error:
        _refuse(f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}")
    except ValueError:
        _refuse("not JSON that is read here: a number has thousands of digits")
    causes = explain.rank_causes(incident)
    ranked = [{"node": cause.node, "score": round(cause.score, 4), "why": cause.why} for cause in causes]
    typer.echo(json.dumps(ranked, ensure_ascii=False))


def _refuse(message: str) -> None:
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(2)
