"""``opsrail login``, ``logout`` and ``whoami``.

A login by password makes a personal token and keeps it, readable by its owner alone, in
``$XDG_CONFIG_HOME/opsrail/logins.json``, by the orchestrator's address; the password is kept nowhere.
"""

import os
import socket
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import httpx
import orjson
import typer

from opsrail.cli.client import Client, address, explain
from opsrail.cli.logins import forget, keep, kept
from opsrail.cli.output import Json, fail, print_json, print_record, say

Email = Annotated[str | None, typer.Option(help="E-mail address; asked for where neither it nor --token is given")]
Token = Annotated[str | None, typer.Option(help="An API token to keep instead; `-` reads it from stdin")]


def login(
    email: Email = None,
    token: Token = None,
    organisation: Annotated[str | None, typer.Option("--org", help="Slug of the organisation to enter")] = None,
    days: Annotated[int, typer.Option(min=1, max=365, help="Days until the login ends")] = 30,
    json: Json = False,
) -> None:
    """Log in, as a person or with a token; later commands use it. OPSRAIL_PASSWORD spares the question."""
    url = address().rstrip("/")
    if token is not None:
        text = typer.get_text_stream("stdin").readline().strip() if token == "-" else token  # noqa: S105
        me = Client(url, text).get("/me")
    else:
        email = email or typer.prompt("E-mail", err=True)
        password = os.environ.get("OPSRAIL_PASSWORD") or typer.prompt("Password", hide_input=True, err=True)
        text = personal_token(url, {"email": email, "password": password, "organisation": organisation}, days)
        me = Client(url, text).get("/me")
    path = keep(url, text)
    if json:
        print_json(me)
    else:
        say(f"logged in to {url} as {email or me['name']} in the organisation {me['org']}; kept in {path}")


def logout(json: Json = False) -> None:
    """Forget the login to this orchestrator, and revoke its token."""
    url = address().rstrip("/")
    text = kept(url)
    if text is None:
        fail(f"not logged in to {url}")
    client = Client(url, text)
    me = client.get("/me")
    client.delete(f"/tokens/{me['principal'].removeprefix('token:')}")
    forget(url)
    if json:
        print_json({"url": url, "revoked": me["principal"]})
    else:
        say(f"logged out of {url}")


def whoami(json: Json = False) -> None:
    """Who the commands act as."""
    me = Client().get("/me")
    if json:
        print_json(me)
    else:
        print_record(me)


def personal_token(url: str, proof: dict[str, Any], days: int) -> str:
    """A token of the person, made in a session that ends at once."""
    with httpx.Client(base_url=f"{url}/v1", timeout=60) as http:
        try:
            session = _ok(http.post("/login", json=proof))
            csrf = {"X-CSRF-Token": session["csrf_token"]}
            expires = (datetime.now(UTC) + timedelta(days=days)).isoformat()
            wish = {
                "name": f"login on {socket.gethostname()}"[:100],
                "scopes": session["scopes"],
                "expires_at": expires,
            }
            made = _ok(http.post("/tokens", json=wish, headers=csrf))
            http.post("/logout", headers=csrf)
        except httpx.TransportError as error:
            fail(f"no orchestrator answers at {url} ({error})")
    return str(made["token"])


def _ok(response: httpx.Response) -> Any:
    if response.is_error:
        explain(response)
    return orjson.loads(response.content)
