"""``opsrail artifacts …``."""

import hashlib
import sys
from pathlib import Path
from typing import Annotated

import typer

from opsrail.cli.client import Client
from opsrail.cli.output import Json, ago, fail, print_json, print_table, say

app = typer.Typer(no_args_is_help=True, help="List and fetch what runs stored")


@app.command("list")
def list_artifacts(
    run: Annotated[str | None, typer.Option(help="Only of this run")] = None,
    limit: Annotated[int, typer.Option(min=1, max=5000)] = 30,
    json: Json = False,
) -> None:
    """Artifacts, newest first."""
    found = Client().items("/artifacts", limit=limit, run_id=run)
    if json:
        print_json(found)
        return
    print_table(
        ("id", "name", "bytes", "digest", "stored"),
        ((item["id"], item["name"], item["size"], item["digest"][:19], ago(item["stored_at"])) for item in found),
        empty="no artifacts",
    )


@app.command()
def get(
    artifact: Annotated[str, typer.Argument(help="Id of the artifact")],
    to: Annotated[Path | None, typer.Option("--output", "-o", help="File to write; stdout where left out")] = None,
    json: Json = False,
) -> None:
    """Fetch an artifact and check its digest."""
    client = Client()
    meta = client.get(f"/artifacts/{artifact}")
    digest = hashlib.sha256()
    partial = to.with_name(to.name + ".partial") if to else None
    sink = partial.open("wb") if partial else sys.stdout.buffer
    for chunk in client.download(f"/artifacts/{artifact}/content"):
        digest.update(chunk)
        sink.write(chunk)
    sink.flush()
    if f"sha256:{digest.hexdigest()}" != meta["digest"]:
        fail("what arrived does not match the artifact's digest")
    if partial and to:
        sink.close()
        partial.replace(to)
        say(f"{to}: {meta['size']} bytes, {meta['digest']}")
    if json:
        print_json(meta)
