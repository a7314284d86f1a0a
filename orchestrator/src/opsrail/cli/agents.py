"""``opsrail agents …`` and ``opsrail query``."""

import subprocess
import sys
from collections import deque
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from opsrail.cli.client import Client, data_folder
from opsrail.cli.inputs import read_object, read_pairs
from opsrail.cli.output import Json, ago, fail, out, print_json, print_record, print_table, say

app = typer.Typer(no_args_is_help=True, help="Install, enable, configure and look at agents")

AgentId = Annotated[str, typer.Argument(help="Id of the agent, such as `ci`")]


class Backlog(StrEnum):
    REPLAY = "replay"
    SKIP = "skip"


@app.command("list")
def list_agents(json: Json = False) -> None:
    """Installed agents and how they are, then those that could be installed."""
    client = Client()
    agents = client.items("/agents", limit=500)
    present = client.get("/catalogue")["items"]
    if json:
        print_json({"agents": agents, "catalogue": present})
        return
    print_table(
        ("agent", "state", "version", "instances", "in flight", "title"),
        (
            (
                agent["id"],
                agent["state"],
                agent["version"],
                len(agent["instances"]),
                sum(instance["in_flight"] for instance in agent["instances"]),
                agent["title"],
            )
            for agent in agents
        ),
        empty="no agents installed; see below, or `opsrail agents install NAME`",
    )
    waiting = [entry["id"] for entry in present if not entry["installed"]]
    if waiting:
        say(f"can be installed: {', '.join(waiting)}")


@app.command()
def show(agent: AgentId, json: Json = False) -> None:
    """One agent, whole."""
    _print(Client().get(f"/agents/{agent}"), json)


@app.command()
def install(
    name: Annotated[str, typer.Argument(help="Agent id from the catalogue, or a Python package that is an agent")],
    set_: Annotated[list[str] | None, typer.Option("--set", help="Config value, k=v")] = None,
    json: Json = False,
) -> None:
    """Install an agent and start it; it does nothing before `enable`."""
    client = Client()
    modules = {entry["id"]: entry["module"] for entry in client.get("/catalogue")["items"]}
    body = {"module": modules.get(name, name), "config": read_pairs(set_ or [], what="--set")}
    _print(client.post("/agents", body), json)


@app.command()
def enable(
    agent: AgentId,
    backlog: Annotated[Backlog, typer.Option(help="What to do with events that came meanwhile")] = Backlog.REPLAY,
    json: Json = False,
) -> None:
    """Let an agent work."""
    _print(Client().post(f"/agents/{agent}/enable", {"backlog": backlog.value}), json)


@app.command()
def disable(agent: AgentId, json: Json = False) -> None:
    """Stop an agent from taking work; what it misses waits."""
    _print(Client().post(f"/agents/{agent}/disable"), json)


Switch = Annotated[str, typer.Argument(help="Id of the agent, or `*` for every one")]


@app.command()
def kill(
    agent: Switch,
    reason: Annotated[str, typer.Option(help="Why; written to the audit trail")],
    cancel_running: Annotated[bool, typer.Option("--cancel-running", help="Stop what runs now, too")] = False,
    json: Json = False,
) -> None:
    """Throw the kill switch: nothing new is accepted or sent out, what is queued waits."""
    _print(Client().put(f"/kill-switches/{agent}", {"reason": reason, "cancel_running": cancel_running}), json)


@app.command()
def revive(agent: Switch, json: Json = False) -> None:
    """Release the kill switch; what waited goes out."""
    Client().delete(f"/kill-switches/{agent}")
    if json:
        print_json({"agent": agent, "released": True})
    else:
        say(f"the kill switch of {agent} is released")


@app.command()
def killed(json: Json = False) -> None:
    """The kill switches that are thrown."""
    found = Client().get("/kill-switches")["items"]
    if json:
        print_json(found)
        return
    print_table(
        ("agent", "since", "by", "why"),
        ((item["agent"], ago(item["thrown_at"]), item["thrown_by"], item["reason"]) for item in found),
        empty="no kill switch is thrown",
    )


@app.command()
def upgrade(
    agent: AgentId,
    module: Annotated[str | None, typer.Option(help="Package of the new version, if another")] = None,
    json: Json = False,
) -> None:
    """Replace an agent by the version installed now; back to the old one where the new is not healthy."""
    _print(Client().post(f"/agents/{agent}/upgrade", {"module": module} if module else {}), json)


@app.command()
def uninstall(agent: AgentId, json: Json = False) -> None:
    """Remove an agent; its credentials end at once, its history stays."""
    Client().delete(f"/agents/{agent}")
    if json:
        print_json({"id": agent, "uninstalled": True})
    else:
        say(f"{agent} is uninstalled")


@app.command()
def config(
    agent: AgentId,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Value to change, k=v")] = None,
    json: Json = False,
) -> None:
    """Show an agent's config, or change it."""
    client = Client()
    current = client.get(f"/agents/{agent}/config")
    if set_:
        values = {**current.get("config", {}), **read_pairs(set_, what="--set")}
        current = client.put(f"/agents/{agent}/config", {"config": values})
    if json:
        print_json(current)
        return
    given = current.get("config", {})
    known = (current.get("config_schema") or {}).get("properties", {})
    print_table(
        ("setting", "value", "", "what"),
        (
            (
                name,
                given.get(name, schema.get("default")),
                "" if name in given else "default",
                schema.get("description"),
            )
            for name, schema in known.items()
        ),
        empty=f"{agent} has nothing to set",
    )


@app.command()
def permissions(agent: AgentId, json: Json = False) -> None:
    """What an agent asks to touch, and how risky its actions are."""
    manifest = Client().get(f"/agents/{agent}")["manifest"]
    if json:
        print_json({key: manifest[key] for key in ("permissions", "connections", "requests", "actions")})
        return
    print_table(
        ("permission", "why"),
        ((item["name"], item["reason"]) for item in manifest["permissions"]),
        empty="asks for nothing outside the bus",
    )
    out.print()
    print_table(
        ("action", "risk", "idempotent", "dry run"),
        ((item["name"], item["risk"], item["idempotent"], item["dry_run"]) for item in manifest["actions"]),
        empty="has no actions",
    )


@app.command()
def logs(
    agent: AgentId,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1)] = 100,
    json: Json = False,
) -> None:
    """The last lines that the agent's processes on this machine wrote."""
    folder = data_folder() / "logs"
    files = sorted(folder.glob(f"{agent}-*-g*.log"))
    if not files:
        fail(f"no log of {agent} in {folder}; agents that run elsewhere log there")
    for path in files:
        with path.open(errors="replace") as file:
            for line in deque(file, maxlen=lines):
                if json:
                    print_json({"file": path.name, "line": line.rstrip("\n")})
                else:
                    typer.echo(line, nl=False)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Id of the agent: lower case, digits, _")],
    folder: Annotated[Path, typer.Option("--in", help="Where to put its folder")] = Path("agents"),
    json: Json = False,
) -> None:
    """Make a working agent to start from."""
    from opsrail_sdk import scaffold  # noqa: PLC0415 (only here)

    try:
        made = scaffold.new(name, folder)
    except (ValueError, FileExistsError) as error:
        fail(str(error), code=2)
    if json:
        print_json({"id": name, "folder": str(made)})
    else:
        say(f"made {made}; next: `opsrail agents check {made}`")


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(help="Folder of the agent", exists=True, file_okay=False)],
    json: Json = False,
) -> None:
    """Run the conformance checks that the built-in agents pass."""
    command = [sys.executable, "-m", "opsrail_sdk", "check", str(folder), *(["--json"] if json else [])]
    raise typer.Exit(subprocess.run(command, check=False).returncode)


def query(
    name: Annotated[str, typer.Argument(metavar="AGENT.QUERY")],
    input: Annotated[str, typer.Option("--input", help="JSON object, @file or -")] = "{}",
    json: Json = False,
) -> None:
    """Ask an agent."""
    agent, separator, verb = name.partition(".")
    if not separator:
        fail("name it AGENT.QUERY, such as cd.workloads", code=2)
    answer = Client().post(f"/agents/{agent}/queries/{verb}", {"input": read_object(input, what="--input")})
    if json:
        print_json(answer["output"])
    else:
        print_record(answer["output"])


def _print(agent: dict[str, Any], json: bool) -> None:
    if json:
        print_json(agent)
        return
    shown = {key: value for key, value in agent.items() if key not in {"manifest", "instances"}}
    shown["instances"] = [
        f"{item['instance']} {item['state']} {ago(item['started_at'])}" for item in agent.get("instances", [])
    ]
    print_record(shown)
