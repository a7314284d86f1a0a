"""``opsrail secrets …``."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from opsrail.cli.client import Client
from opsrail.cli.output import Json, ago, fail, print_json, print_record, print_table, say

app = typer.Typer(no_args_is_help=True, help="Secrets that connections refer to, and the key that seals everything")

Name = Annotated[str, typer.Argument(help="Name of the secret")]


@app.command("set")
def put(
    name: Name,
    ref: Annotated[
        str | None,
        typer.Option(help="Where it is kept instead: vault:kv/data/app#password, aws:ID#FIELD, env:NAME …"),
    ] = None,
    file: Annotated[Path | None, typer.Option(help="File that holds the value; stdin where left out")] = None,
    json: Json = False,
) -> None:
    """Keep a value, read from a file or stdin and never from the command line, or a reference."""
    if ref and file:
        fail("give --ref or --file, not both", code=2)
    value: Any = {"$ref": ref} if ref else _read(name, file)
    _print(Client().put(f"/secrets/{name}", {"value": value}), json)
    say(f'refer to it as {{"$ref": "secret:{name}"}}')


@app.command("list")
def list_secrets(json: Json = False) -> None:
    """Names; values are never shown."""
    secrets = Client().items("/secrets", limit=5000)
    if json:
        print_json(secrets)
        return
    print_table(
        ("name", "kind", "reference", "version", "set by", "set"),
        (
            (
                item["name"],
                item["kind"],
                item["reference"],
                item["version"],
                item["updated_by"],
                ago(item["updated_at"]),
            )
            for item in secrets
        ),
        empty="no secrets yet; keep one with `opsrail secrets set NAME`",
    )


@app.command()
def delete(name: Name, json: Json = False) -> None:
    """Forget a secret; what refers to it fails from now on."""
    Client().delete(f"/secrets/{name}")
    if json:
        print_json({"name": name, "deleted": True})
    else:
        say(f"{name} is deleted")


@app.command()
def rotate(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; leave with 1 while an old root key is still needed")
    ] = False,
    json: Json = False,
) -> None:
    """Move every data key to a new version of the root key. Nothing stops; one that was killed goes on."""
    found = Client().get("/root-key") if check else Client().post("/root-key/rotate")
    _print(found, json)
    if found["stale"]:
        fail(f"{found['stale']} data keys hang on an older root key; run `opsrail secrets rotate`")


def _read(name: str, file: Path | None) -> str:
    try:
        if file:
            return file.read_text().rstrip("\n")
        if sys.stdin.isatty():
            typed: str = typer.prompt(f"value of {name}", hide_input=True, err=True)
            return typed
        return sys.stdin.read().rstrip("\n")
    except (OSError, UnicodeDecodeError) as error:
        fail(f"the value cannot be read: {error}", code=2)


def _print(found: dict[str, Any], json: bool) -> None:
    if json:
        print_json(found)
    else:
        print_record({key: value for key, value in found.items() if value is not None})
