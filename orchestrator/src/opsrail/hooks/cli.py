"""``opsrail hooks``: what a payload becomes, without a server. Mounted by the command line."""

import sys
from datetime import UTC, datetime
from typing import Annotated

import orjson
import typer

from opsrail.hooks.delivery import Delivery, Normalised, NotUnderstood
from opsrail.hooks.normalisers import SENDERS, github, gitlab, normalise

app = typer.Typer(no_args_is_help=True, help="Webhooks.")

CONNECTION = "00000000-0000-0000-0000-000000000000"
"""Stands in for the connection, which ids are derived from."""

_EVENT_HEADERS = {"github": github.EVENT_HEADER, "gitlab": gitlab.EVENT_HEADER}


@app.callback()
def hooks() -> None:
    """Webhooks."""


@app.command("normalise")
def normalise_command(
    kind: Annotated[str, typer.Argument(help=f"Kind of the sender: {', '.join(sorted(SENDERS))}")],
    event: Annotated[str | None, typer.Option(help="The event's name, which GitHub sends as a header")] = None,
    content_type: Annotated[str, typer.Option(help="Content type of the payload")] = "application/json",
    as_json: Annotated[bool, typer.Option("--json", help="Always so; for symmetry")] = True,
) -> None:
    """Read a payload from stdin, write the CloudEvents it becomes to stdout, as a JSON list."""
    del as_json
    if kind not in SENDERS:
        typer.echo(f"unknown kind {kind!r}; known are {', '.join(sorted(SENDERS))}", err=True)
        raise typer.Exit(2)
    try:
        found = normalised(kind, sys.stdin.buffer.read(), event=event, content_type=content_type)
    except NotUnderstood as error:
        typer.echo(f"not understood: {error}", err=True)
        raise typer.Exit(1) from error
    for reason in found.ignored:
        typer.echo(f"ignored: {reason}", err=True)
    sys.stdout.buffer.write(orjson.dumps(found.events, option=orjson.OPT_INDENT_2) + b"\n")
    sys.stdout.buffer.flush()


def normalised(
    kind: str, body: bytes, *, event: str | None = None, content_type: str = "application/json"
) -> Normalised:
    """What a payload becomes. Without ``event``, the name is guessed from the payload's shape.

    Raises:
        NotUnderstood: the body is not what this kind of sender sends.
    """
    headers = {"content-type": content_type}
    if event is not None and kind in _EVENT_HEADERS:
        headers[_EVENT_HEADERS[kind]] = event
    delivery = Delivery(
        kind=kind, connection_id=CONNECTION, body=body, headers=headers, received_at=datetime.now(UTC)
    )
    return normalise(delivery)
