"""``opsrail approvals …``, and what ``opsrail runs approve`` and ``deny`` are made of."""

from typing import Annotated, Any

import typer

from opsrail.cli.client import Client
from opsrail.cli.output import Json, ago, fail, print_json, print_record, print_table, say

app = typer.Typer(no_args_is_help=True, help="What waits for a person")

RunId = Annotated[str, typer.Argument(help="Id of the run")]
InputHash = Annotated[
    str | None, typer.Option("--input-hash", help="Approve only if this is the hash of the input; default: ask")
]


@app.command("list")
def list_approvals(
    every: Annotated[bool, typer.Option("--all", help="Those that have ended too")] = False,
    limit: Annotated[int, typer.Option(min=1, max=5000)] = 50,
    json: Json = False,
) -> None:
    """What waits for approval, newest first."""
    found = Client().items("/approvals", limit=limit, state=None if every else "pending")
    if json:
        print_json(found)
        return
    print_table(
        ("run", "action", "state", "asked by", "made", "votes", "why", "you"),
        (
            (
                item["run_id"],
                f"{item['agent']}.{item['action']}",
                item["state"],
                item["asked_by"],
                ago(item["created_at"]),
                f"{len(item['votes'])} of {item['needed']}",
                item["reason"],
                "may approve" if item["you"]["may_grant"] else item["you"]["why_not"],
            )
            for item in found
        ),
        empty="nothing waits for approval",
    )


@app.command()
def show(run: RunId, json: Json = False) -> None:
    """What a run's approval is about: exact input, plan, target, who asked, why."""
    _print(of_run(Client(), run), json)


def approve(
    run: RunId,
    reason: Annotated[str, typer.Option(help="Why; written to the audit trail")] = "",
    input_hash: InputHash = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask, approve what is there now")] = False,
    json: Json = False,
) -> None:
    """Approve exactly what a waiting run would do. Shows it first, and asks."""
    client = Client()
    approval = of_run(client, run)
    if input_hash is None and not yes:
        shown = ("agent", "action", "input", "plan", "target", "asked_by", "reason", "obstacles", "expires_at")
        print_record({key: approval[key] for key in shown if approval[key] not in (None, [])})
        typer.confirm("Approve this?", abort=True, err=True)
    body = {"input_hash": input_hash or approval["input_hash"], "plan_hash": approval["plan_hash"], "reason": reason}
    _decided(client.post(f"/approvals/{approval['id']}/grant", body), json)


def deny(
    run: RunId,
    reason: Annotated[str, typer.Option(help="Why; whoever asked is told")],
    json: Json = False,
) -> None:
    """Deny a run that waits for approval."""
    client = Client()
    _decided(client.post(f"/approvals/{of_run(client, run)['id']}/deny", {"reason": reason}), json)


def of_run(client: Client, run: str) -> dict[str, Any]:
    """The newest approval of a run."""
    found = client.items("/approvals", limit=1, run_id=run)
    if not found:
        fail(f"the run {run} needs no approval")
    return found[0]


def _decided(approval: dict[str, Any], json: bool) -> None:
    if json:
        print_json(approval)
        return
    waiting = approval["needed"] - len(approval["votes"]) if approval["state"] == "pending" else 0
    more = f"; {waiting} more needed" if waiting else ""
    say(f"run {approval['run_id']}: approval is {approval['state']}{more}")


def _print(record: dict[str, Any], json: bool) -> None:
    if json:
        print_json(record)
    else:
        print_record(record)
