"""``opsrail connections …``."""

from typing import Annotated, Any

import typer

from opsrail.cli.client import Client
from opsrail.cli.inputs import read_pairs, read_secret
from opsrail.cli.output import Json, ago, fail, print_json, print_record, print_table, say

app = typer.Typer(no_args_is_help=True, help="Outside systems and their webhooks")

Connection = Annotated[str, typer.Argument(help="Id of the connection")]


@app.command()
def create(
    kind: Annotated[str, typer.Argument(help="See `opsrail connections kinds`")],
    name: Annotated[str, typer.Option(help="What you call it")],
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Setting or secret, k=v; a secret from a file: k=@FILE")
    ] = None,
    json: Json = False,
) -> None:
    """Connect an outside system. The webhook secret is shown this once; `--set secret=…` is the sender's own."""
    client = Client()
    kinds = {item["kind"]: item for item in client.get("/connection-kinds")["items"]}
    if kind not in kinds:
        fail(f"no kind {kind!r}; there are {', '.join(sorted(kinds))}", code=2)
    values = read_pairs(set_ or [], what="--set")
    secrets = {key: read_secret(str(values.pop(key))) for key in kinds[kind]["secret_fields"] if key in values}
    body = {"kind": kind, "name": name, "settings": values, "secrets": secrets}
    if kinds[kind]["hooks"] and "secret" in values:
        body["secret"] = read_secret(str(values.pop("secret")))
    made = client.post("/connections", body)
    _print(made, json)


@app.command("list")
def list_connections(json: Json = False) -> None:
    """All connections."""
    connections = Client().items("/connections", limit=5000)
    if json:
        print_json(connections)
        return
    print_table(
        ("id", "kind", "name", "made", "webhooks"),
        (
            (item["id"], item["kind"], item["name"], ago(item["created_at"]), "yes" if item.get("hook_url") else None)
            for item in connections
        ),
        empty="no connections yet; make one with `opsrail connections create KIND --name NAME`",
    )


@app.command()
def show(connection: Connection, json: Json = False) -> None:
    """One connection; secrets are never shown."""
    _print(Client().get(f"/connections/{connection}"), json)


@app.command()
def rotate(
    connection: Connection,
    secret: Annotated[str | None, typer.Option(help="The sender's own, or @FILE; by default we make one")] = None,
    json: Json = False,
) -> None:
    """A new webhook secret; the old one holds for a day."""
    body = {} if secret is None else {"secret": read_secret(secret)}
    _print(Client().post(f"/connections/{connection}/rotate", body), json)


@app.command()
def delete(connection: Connection, json: Json = False) -> None:
    """Remove a connection and its secrets."""
    Client().delete(f"/connections/{connection}")
    if json:
        print_json({"id": connection, "deleted": True})
    else:
        say(f"{connection} is deleted")


@app.command()
def kinds(json: Json = False) -> None:
    """What can be connected."""
    found = Client().get("/connection-kinds")["items"]
    if json:
        print_json(found)
        return
    print_table(
        ("kind", "title", "webhooks", "secrets"),
        ((item["kind"], item["title"], item["hooks"], ", ".join(item["secret_fields"])) for item in found),
        empty="none",
    )


def _print(connection: dict[str, Any], json: bool) -> None:
    if json:
        print_json(connection)
        return
    print_record({key: value for key, value in connection.items() if value not in (None, {}, [])})
    if connection.get("secret"):
        say("keep the secret now: it is not shown again")
