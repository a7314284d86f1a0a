"""``opsrail users …`` and ``opsrail invitations …``."""

import os
from typing import Annotated, Any

import typer

from opsrail.cli.client import Client
from opsrail.cli.output import Json, ago, fail, out, print_json, print_table, say

app = typer.Typer(no_args_is_help=True, help="The organisation's people")
invitations = typer.Typer(no_args_is_help=True, help="Invitations into the organisation")

Who = Annotated[str, typer.Argument(help="E-mail address or user id")]
Roles = Annotated[list[str], typer.Option("--role", help="May be given several times")]


@app.command("list")
def list_users(json: Json = False) -> None:
    """Members and their roles."""
    members = Client().items("/members", limit=5000)
    if json:
        print_json(members)
        return
    print_table(
        ("id", "e-mail", "name", "roles", "since", "suspended"),
        (
            (
                item["user_id"],
                item["email"],
                item["name"],
                " ".join(item["roles"]),
                ago(item["created_at"]),
                ago(item["suspended_at"]),
            )
            for item in members
        ),
        empty="no people yet; `opsrail invitations create EMAIL` invites one",
    )


@app.command("roles")
def change_roles(who: Who, role: Roles, json: Json = False) -> None:
    """Give somebody these roles, and no others."""
    _change(who, {"roles": role}, json=json)


@app.command()
def suspend(who: Who, json: Json = False) -> None:
    """Shut somebody out: their sessions, tokens and machines end."""
    _change(who, {"suspended": True}, json=json)


@app.command()
def restore(who: Who, json: Json = False) -> None:
    """Let somebody back in."""
    _change(who, {"suspended": False}, json=json)


@app.command()
def remove(who: Who, json: Json = False) -> None:
    """Take somebody out of the organisation."""
    client = Client()
    user_id = _find(client, who)["user_id"]
    client.delete(f"/members/{user_id}")
    _done({"user_id": user_id, "removed": True}, f"{who} is no member any more", json=json)


@invitations.command()
def create(email: str, role: Roles = ["viewer"], json: Json = False) -> None:  # noqa: B006
    """Invite somebody; hand them the token, which is shown this once."""
    made = Client().post("/invitations", {"email": email, "roles": role})
    if json:
        print_json(made)
        return
    out.print(made["token"], highlight=False, soft_wrap=True)
    say(f"good until {made['expires_at']}: `opsrail invitations accept TOKEN`")


@invitations.command("list")
def list_invitations(json: Json = False) -> None:
    """Invitations that can still be taken up."""
    found = Client().items("/invitations", limit=5000)
    if json:
        print_json(found)
        return
    rows = ((item["id"], item["email"], " ".join(item["roles"]), item["expires_at"]) for item in found)
    print_table(("id", "e-mail", "roles", "expires"), rows, empty="no open invitations")


@invitations.command()
def revoke(invitation: str, json: Json = False) -> None:
    """Make an invitation void."""
    Client().delete(f"/invitations/{invitation}")
    _done({"id": invitation, "revoked": True}, f"{invitation} is void", json=json)


@invitations.command()
def accept(
    token: str,
    name: Annotated[str | None, typer.Option(help="Your name, where you are new")] = None,
    json: Json = False,
) -> None:
    """Take an invitation up, with your password or, where you are new, one to begin with (or OPSRAIL_PASSWORD)."""
    password = os.environ.get("OPSRAIL_PASSWORD") or typer.prompt("Password", hide_input=True, err=True)
    body = {"token": token, "password": password, "name": name}
    accepted = Client(token="none").post("/invitations/accept", body)  # noqa: S106 (this route asks for none)
    _done(accepted, f"you are a member of {accepted['org']}: `opsrail login`", json=json)


def _change(who: str, wish: dict[str, Any], *, json: bool) -> None:
    client = Client()
    member = client.patch(f"/members/{_find(client, who)['user_id']}", wish)
    suspended = ", suspended" if member["suspended_at"] else ""
    _done(member, f"{member['email']}: {' '.join(member['roles'])}{suspended}", json=json)


def _find(client: Client, who: str) -> dict[str, Any]:
    members = client.items("/members", limit=100_000)
    found = next((item for item in members if who.lower() in {item["user_id"], item["email"]}), None)
    return found or fail(f"no member is {who}")


def _done(answer: Any, message: str, *, json: bool) -> None:
    if json:
        print_json(answer)
    else:
        say(message)
