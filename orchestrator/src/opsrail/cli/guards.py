"""``opsrail guards …``: freeze windows, budgets and sequence rules."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from opsrail.cli.client import Client
from opsrail.cli.inputs import read_object
from opsrail.cli.output import Json, fail, print_json, print_record, print_table, say

app = typer.Typer(no_args_is_help=True, help="Freeze windows, budgets and sequence rules")

Guard = Annotated[str, typer.Argument(help="Id or name of the guard")]
Selector = Annotated[
    str | None,
    typer.Option(help='JSON object, @file or -: {"agents", "actions", "environments", "targets", "risks"}'),
]
Rule = Annotated[str | None, typer.Option(help='JSON object, @file or -, such as {"limit": 5, "window": "PT1H"}')]
Overridable = Annotated[bool | None, typer.Option(help="Whether an approval lets a run past it")]


class Kind(StrEnum):
    FREEZE = "freeze"
    BUDGET = "budget"
    SEQUENCE = "sequence"


@app.command("list")
def list_guards(json: Json = False) -> None:
    """All guards."""
    guards = Client().items("/guards", limit=5000)
    if json:
        print_json(guards)
        return
    print_table(
        ("id", "kind", "name", "on", "overridable", "rule", "selector"),
        (
            (
                item["id"],
                item["kind"],
                item["name"],
                item["enabled"],
                item["overridable"],
                item["rule"],
                item["selector"],
            )
            for item in guards
        ),
        empty="no guards; make one with `opsrail guards create NAME --kind freeze --rule JSON`",
    )


@app.command()
def show(guard: Guard, json: Json = False) -> None:
    """One guard; of a freeze, whether it holds now and when it begins next."""
    client = Client()
    _print(client.get(f"/guards/{_ident(client, guard)}"), json)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What you call it")],
    *,
    kind: Annotated[Kind, typer.Option(help="What it does")],
    rule: Annotated[str, typer.Option(help="JSON object, @file or -")],
    selector: Selector = None,
    overridable: Overridable = False,
    json: Json = False,
) -> None:
    """Make a guard; it holds from now on."""
    body = {
        "name": name,
        "kind": kind.value,
        "rule": read_object(rule, what="--rule"),
        "selector": read_object(selector or "{}", what="--selector"),
        "overridable": bool(overridable),
    }
    _print(Client().post("/guards", body), json)


@app.command()
def change(
    guard: Guard,
    *,
    rule: Rule = None,
    selector: Selector = None,
    overridable: Overridable = None,
    enabled: Annotated[bool | None, typer.Option(help="Switch it on or off")] = None,
    json: Json = False,
) -> None:
    """Change a guard; what is left out stays as it is."""
    client = Client()
    body = {
        "rule": read_object(rule, what="--rule") if rule else None,
        "selector": read_object(selector, what="--selector") if selector else None,
        "overridable": overridable,
        "enabled": enabled,
    }
    _print(client.patch(f"/guards/{_ident(client, guard)}", body), json)


@app.command()
def delete(guard: Guard, json: Json = False) -> None:
    """Remove a guard and what was counted for it."""
    client = Client()
    ident = _ident(client, guard)
    client.delete(f"/guards/{ident}")
    if json:
        print_json({"id": ident, "deleted": True})
    else:
        say(f"{guard} is deleted")


def _ident(client: Client, guard: str) -> str:
    found = [item["id"] for item in client.items("/guards", limit=5000) if guard in (item["id"], item["name"])]
    if not found:
        fail(f"there is no guard {guard!r}; see `opsrail guards list`")
    return str(found[0])


def _print(record: dict[str, Any], json: bool) -> None:
    if json:
        print_json(record)
    else:
        print_record(record)
