"""``opsrail events …``."""

from typing import Annotated

import typer

from opsrail.cli.client import Client
from opsrail.cli.inputs import read_json
from opsrail.cli.output import Json, ago, out, print_json, print_record, print_table, say

app = typer.Typer(no_args_is_help=True, help="Follow, list and publish events")


@app.command()
def tail(
    type_: Annotated[str | None, typer.Option("--type", help="Only types that begin with this")] = None,
    json: Json = False,
) -> None:
    """Follow events as they come, until Ctrl-C."""
    for message in Client().follow("/stream", topics="event"):
        if message.event != "event":
            continue
        event = message.json()
        if type_ and not event["type"].startswith(type_):
            continue
        if json:
            print_json(event)
        else:
            out.print(event["time"][11:19], event["type"], event.get("subject") or "", event["id"], soft_wrap=True)


@app.command("list")
def list_events(
    type_: Annotated[str | None, typer.Option("--type")] = None,
    correlation: Annotated[str | None, typer.Option(help="Only of this correlation id")] = None,
    limit: Annotated[int, typer.Option(min=1, max=5000)] = 30,
    json: Json = False,
) -> None:
    """Events, newest first."""
    events = Client().items("/events", limit=limit, type=type_, correlation_id=correlation)
    if json:
        print_json(events)
        return
    print_table(
        ("time", "type", "subject", "id"),
        ((ago(event["time"]), event["type"], event.get("subject"), event["id"]) for event in events),
        empty="no events yet",
    )


@app.command()
def show(event: Annotated[str, typer.Argument(help="Id of the event")], json: Json = False) -> None:
    """One event, whole."""
    found = Client().get(f"/events/{event}")
    if json:
        print_json(found)
    else:
        print_record(found)


@app.command()
def publish(
    event: Annotated[str, typer.Argument(help="CloudEvent or list of them: JSON, @file or -")] = "-",
    json: Json = False,
) -> None:
    """Publish CloudEvents."""
    answer = Client().post("/events", read_json(event, what="the event"))
    if json:
        print_json(answer)
    else:
        say(f"published {', '.join(answer['events'])}")
