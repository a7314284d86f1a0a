"""``opsrail machines …``: identities of programs that sign with AWS Signature V4, service ``execute-api``."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from opsrail.cli.client import Client
from opsrail.cli.output import Json, ago, print_json, print_record, print_table, say

app = typer.Typer(no_args_is_help=True, help="Machine identities (AWS Signature V4)")

_SHOWN = ("id", "access_key_id", "secret_access_key")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is for")],
    role: Annotated[list[str], typer.Option("--role", help="May be given several times")] = ["viewer"],  # noqa: B006
    days: Annotated[int | None, typer.Option(min=1, help="Days until it expires; never where left out")] = None,
    json: Json = False,
) -> None:
    """Make a machine identity; its secret is shown this once."""
    expires = (datetime.now(UTC) + timedelta(days=days)).isoformat() if days else None
    _show(Client().post("/machines", {"name": name, "roles": role, "expires_at": expires}), json=json)


@app.command()
def rotate(machine: Annotated[str, typer.Argument(help="Id of the machine")], json: Json = False) -> None:
    """A new secret; the old one is void."""
    _show(Client().post(f"/machines/{machine}/rotate"), json=json)


@app.command("list")
def list_machines(json: Json = False) -> None:
    """Living machine identities."""
    found = Client().items("/machines", limit=5000)
    if json:
        print_json(found)
        return
    rows = (
        (item["id"], item["name"], item["access_key_id"], " ".join(item["roles"]), ago(item["last_used_at"]))
        for item in found
    )
    print_table(("id", "name", "access key", "roles", "used"), rows, empty="no machine identities")


@app.command()
def revoke(machine: Annotated[str, typer.Argument(help="Id of the machine")], json: Json = False) -> None:
    """End a machine identity for good."""
    Client().delete(f"/machines/{machine}")
    if json:
        print_json({"id": machine, "revoked": True})
    else:
        say(f"{machine} is revoked")


def _show(made: dict[str, Any], *, json: bool) -> None:
    if json:
        print_json(made)
    else:
        print_record({name: made[name] for name in _SHOWN})
        say("keep the secret now: it is not shown again")
