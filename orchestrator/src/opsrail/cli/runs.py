"""``opsrail runs …`` and ``opsrail invoke``."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from opsrail.cli import approvals
from opsrail.cli.client import Client
from opsrail.cli.inputs import read_object
from opsrail.cli.output import Json, ago, err, fail, print_json, print_record, print_table, say
from opsrail.plain import coloured, plain

app = typer.Typer(no_args_is_help=True, help="List, watch, approve and cancel runs")

RunId = Annotated[str, typer.Argument(help="Id of the run")]
WELL_ENDED = frozenset({"succeeded", "verified"})
FINISHED = WELL_ENDED | {"denied", "failed", "timed_out", "cancelled", "interrupted", "unverified", "rolled_back"}


@app.command("list")
def list_runs(
    agent: Annotated[str | None, typer.Option(help="Only of this agent")] = None,
    state: Annotated[str | None, typer.Option(help="Only in this state")] = None,
    limit: Annotated[int, typer.Option(min=1, max=5000)] = 30,
    json: Json = False,
) -> None:
    """Runs, newest first."""
    runs = Client().items("/runs", limit=limit, agent=agent, state=state)
    if json:
        print_json(runs)
        return
    print_table(
        ("run", "action", "state", "asked by", "made", "message"),
        (
            (
                run["id"],
                f"{run['agent']}.{run['action']}",
                run["state"],
                run["requested_by"],
                ago(run["created_at"]),
                _why(run),
            )
            for run in runs
        ),
        empty="no runs yet; try `opsrail demo ci`",
    )


def _why(run: Mapping[str, Any]) -> str | None:
    error = run.get("error") or {}
    return run.get("cancel_reason") or error.get("message") or run.get("message")


@app.command()
def show(run: RunId, json: Json = False) -> None:
    """One run, whole."""
    found = Client().get(f"/runs/{run}")
    if json:
        print_json(found)
    else:
        print_record(found)


@app.command()
def watch(run: RunId, json: Json = False) -> None:
    """Follow a run's log to its end; the exit status says how it ended."""
    finish(Client(), run, json)


@app.command()
def cancel(run: RunId, json: Json = False) -> None:
    """Stop a run."""
    found = Client().post(f"/runs/{run}/cancel")
    if json:
        print_json(found)
    else:
        say(f"{run}: {found['state']}")


app.command()(approvals.approve)
app.command()(approvals.deny)


def invoke(
    name: Annotated[str, typer.Argument(metavar="AGENT.ACTION")],
    input: Annotated[str, typer.Option("--input", help="JSON object, @file or -")] = "{}",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would do")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the log to the end")] = False,
    json: Json = False,
) -> None:
    """Run an action of an agent."""
    agent, separator, verb = name.partition(".")
    if not separator:
        fail("name it AGENT.ACTION, such as ci.run_pipeline", code=2)
    client = Client()
    body = {"agent": agent, "action": verb, "input": read_object(input, what="--input"), "dry_run": dry_run}
    run = client.post("/runs", body)
    if wait:
        finish(client, run["id"], json)
    elif json:
        print_json(run)
    else:
        say(f"run {run['id']} is {run['state']}; follow it with `opsrail runs watch {run['id']}`")


def finish(client: Client, run_id: str, json: bool) -> None:
    """Show log lines until the run ends, then leave with 0 only if it ended well."""
    for message in client.follow(f"/runs/{run_id}/logs"):
        if message.event == "log":
            _print_line(message.json(), json)
    run = client.get(f"/runs/{run_id}")
    while run["state"] not in FINISHED:
        run = client.get(f"/runs/{run_id}", wait=20)
    if json:
        print_json(run)
    else:
        error = run.get("error") or {}
        say(f"run {run_id}: {run['state']}" + (f": {error['message']}" if error else ""))
    if run["state"] not in WELL_ENDED:
        raise typer.Exit(1)


def _print_line(line: dict[str, Any], json: bool) -> None:
    if json:
        print_json(line)
        return
    step = f"{plain(line['step'])} │ " if line.get("step") else ""
    if line["stream"] == "system":
        err.print(f"{step}{plain(line['text'])}", style="dim", markup=False, highlight=False, soft_wrap=True)
    else:
        typer.echo(f"{step}{coloured(line['text'])}")
