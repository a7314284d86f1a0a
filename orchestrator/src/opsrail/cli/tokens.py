"""``opsrail tokens …``."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from opsrail.auth.principal import Scope
from opsrail.cli.client import Client
from opsrail.cli.output import Json, ago, out, print_json, print_table, say

app = typer.Typer(no_args_is_help=True, help="API tokens")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is for")],
    scope: Annotated[list[Scope], typer.Option("--scope", help="May be given several times")] = [Scope.READ],  # noqa: B006
    days: Annotated[int | None, typer.Option(min=1, help="Days until it expires; never where left out")] = None,
    json: Json = False,
) -> None:
    """Make a token; it is shown this once."""
    expires = (datetime.now(UTC) + timedelta(days=days)).isoformat() if days else None
    made = Client().post("/tokens", {"name": name, "scopes": [item.value for item in scope], "expires_at": expires})
    if json:
        print_json(made)
    else:
        out.print(made["token"], highlight=False, soft_wrap=True)
        say("keep it now: it is not shown again")


@app.command("list")
def list_tokens(json: Json = False) -> None:
    """Living tokens."""
    tokens = Client().items("/tokens", limit=5000)
    if json:
        print_json(tokens)
        return
    print_table(
        ("id", "name", "scopes", "made", "used", "expires"),
        (
            (
                item["id"],
                item["name"],
                " ".join(item["scopes"]),
                ago(item["created_at"]),
                ago(item["last_used_at"]),
                item["expires_at"],
            )
            for item in tokens
        ),
        empty="no tokens",
    )


@app.command()
def revoke(token: Annotated[str, typer.Argument(help="Id of the token")], json: Json = False) -> None:
    """End a token for good."""
    Client().delete(f"/tokens/{token}")
    if json:
        print_json({"id": token, "revoked": True})
    else:
        say(f"{token} is revoked")
