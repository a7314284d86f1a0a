"""``opsrail bus …``: how agents that run elsewhere log in."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from opsrail.cli.client import Client
from opsrail.cli.output import Json, ago, fail, out, print_json, print_table, say

app = typer.Typer(no_args_is_help=True, help="Credentials of agents that run elsewhere")

AgentId = Annotated[str, typer.Argument(help="Id of an agent of the runtime `external`")]


@app.command()
def mint(
    agent: AgentId,
    file: Annotated[
        Path | None, typer.Option("--out", help="Write the credential there, for its owner alone; else it is printed")
    ] = None,
    json: Json = False,
) -> None:
    """Mint a credential; it is shown this once."""
    made = Client().post(f"/agents/{agent}/credentials") if file is None else _mint_into(file, agent)
    if json:
        print_json(made)
        return
    if file is None:
        out.print(made["credentials"], end="", highlight=False, soft_wrap=True)
        say("keep it now, in a file of mode 0600: it is not shown again")
    say(
        f"start the agent with OPSRAIL_NATS_URL={made['nats_url']} OPSRAIL_ORG={made['org']}"
        f" OPSRAIL_NATS_CREDENTIALS={file or 'FILE'}"
    )


def _mint_into(file: Path, agent: str) -> dict[str, Any]:
    """The file first: a credential that cannot be kept is not minted."""
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        fail(f"{file}: {error.strerror}")
    with os.fdopen(handle, "w") as stream:
        try:
            made: dict[str, Any] = Client().post(f"/agents/{agent}/credentials")
        except BaseException:
            file.unlink()
            raise
        stream.write(made.pop("credentials"))
    return made | {"file": str(file)}


@app.command("list")
def list_credentials(agent: AgentId, json: Json = False) -> None:
    """Credentials of an agent."""
    items = Client().get(f"/agents/{agent}/credentials")["items"]
    if json:
        print_json(items)
        return
    print_table(
        ("id", "kind", "public key", "by", "made", "expires"),
        (
            (
                item["id"],
                item["kind"],
                item["public_key"],
                item["created_by"],
                ago(item["created_at"]),
                item["expires_at"],
            )
            for item in items
        ),
        empty="no credentials",
    )


@app.command()
def revoke(
    agent: AgentId, credential: Annotated[str, typer.Argument(help="Id of the credential")], json: Json = False
) -> None:
    """End a credential; whoever is connected with it is cut off."""
    Client().delete(f"/agents/{agent}/credentials/{credential}")
    if json:
        print_json({"id": credential, "revoked": True})
    else:
        say(f"{credential} is revoked")
