"""``opsrail audit …``."""

import sys
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress

from opsrail.cli.client import Client
from opsrail.cli.output import Json, ago, fail, print_json, print_record, print_table, say

app = typer.Typer(no_args_is_help=True, help="Who did what, and proof that nobody altered it")

Instance = Annotated[
    bool, typer.Option("--instance", help="The chain of what belongs to no organisation, such as refused logins")
]

_SHOWN = ("actor", "verb", "target", "outcome", "reason")


@app.command("list")
def list_entries(  # noqa: PLR0917 (options, passed by name)
    actor: Annotated[str | None, typer.Option(help="token:ID, user:ID, agent:ID …")] = None,
    verb: Annotated[str | None, typer.Option(help="Exact, or a prefix such as run.*")] = None,
    target: Annotated[str | None, typer.Option(help="run:ID, agent:ID, connection:ID …")] = None,
    outcome: Annotated[str | None, typer.Option(help="allowed, denied, succeeded or failed")] = None,
    correlation_id: Annotated[str | None, typer.Option("--correlation-id")] = None,
    limit: Annotated[int, typer.Option(min=1)] = 50,
    instance: Instance = False,
    json: Json = False,
) -> None:
    """Entries, newest first."""
    entries = Client().items(
        "/audit",
        limit=limit,
        actor=actor,
        verb=verb,
        target=target,
        outcome=outcome,
        correlation_id=correlation_id,
        chain=_chain(instance),
    )
    if json:
        print_json(entries)
        return
    print_table(
        ("position", "at", *_SHOWN),
        ((item["position"], ago(item["at"]), *(item[field] for field in _SHOWN)) for item in entries),
        empty="no entries that fit",
    )


@app.command()
def verify(
    file: Annotated[Path | None, typer.Argument(help="An export to check instead of the server's chain")] = None,
    keys: Annotated[
        Path | None, typer.Option(help="Keys to trust for a file, as `opsrail audit keys` prints them")
    ] = None,
    instance: Instance = False,
    json: Json = False,
) -> None:
    """Find any edit, gap, reorder or cut end; leaves with 1 where there is one."""
    report = _verified(file, keys) if file else _verified_there(_chain(instance), told=not json)
    if json:
        print_json(report)
    else:
        print_record({key: value for key, value in report.items() if value is not None})
        if report.get("trusted") is False:
            say("the signatures were checked with the file's own keys; give --keys to tell a forged file")
    if not report["holds"]:
        fault = report["fault"]
        fail(f"position {fault['position']}: {fault['what']}")


@app.command()
def export(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; stdout where left out")
    ] = None,
    format: Annotated[str, typer.Option(help="jsonl, which can be verified anywhere, or ocsf")] = "jsonl",
    after: Annotated[int | None, typer.Option(help="Only what follows this position")] = None,
    instance: Instance = False,
    json: Json = False,
) -> None:
    """The sealed entries as a line of JSON each; with --output, --json tells where they are."""
    wanted = {"format": format, "chain": _chain(instance)} | ({} if after is None else {"after": str(after)})
    query = "&".join(f"{key}={value}" for key, value in wanted.items())
    with ExitStack() as closing:
        target = closing.enter_context(output.open("wb")) if output else sys.stdout.buffer
        for chunk in Client().download(f"/audit/export?{query}"):
            target.write(chunk)
        target.flush()
    if output and json:
        print_json({"file": str(output)})
    elif output:
        say(f"written to {output}")


@app.command("keys")
def list_keys(_: Json = False) -> None:
    """Public keys of the checkpoints, as a JWK set, always as JSON; keep a copy elsewhere."""
    print_json(Client().get("/audit/keys"))


def _verified(file: Path, keys: Path | None) -> dict[str, Any]:
    from opsrail.audit.verification import verify_file  # noqa: PLC0415 (slow to import)
    from opsrail_sdk.capability import parse_jwks  # noqa: PLC0415

    try:
        trusted = parse_jwks(keys.read_bytes()) if keys else None
        with file.open("rb") as lines:
            report = verify_file(lines, trusted)
    except (OSError, ValueError) as error:
        fail(f"{error}", code=2)
    return {"holds": report.holds, **asdict(report)}


def _verified_there(chain: str, *, told: bool) -> dict[str, Any]:
    """What the server finds; ``told``: with the way that it has come so far, on a terminal."""
    with Progress(
        *Progress.get_default_columns(),
        MofNCompleteColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not (told and sys.stderr.isatty()),
    ) as progress:
        task = progress.add_task("checking", total=None)
        report: dict[str, Any] = {}
        for message in Client().follow("/audit/verify", chain=chain):
            if message.event == "progress":
                reached = message.json()
                progress.update(task, completed=reached["position"], total=reached["of"])
            elif message.event == "end":
                report = message.json()
        return report


def _chain(instance: bool) -> str:
    return "instance" if instance else "organisation"
