"""``opsrail status`` and ``doctor``."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import httpx
import typer

from opsrail.cli.client import Client, data_folder
from opsrail.cli.output import Json, fail, print_json, print_table

if TYPE_CHECKING:
    from opsrail.doctor import Check


def status(json: Json = False) -> None:
    """How the stack is: its parts, and the agents."""
    client = Client()
    try:
        answer = httpx.get(f"{client.url}/readyz", timeout=10)
    except httpx.TransportError as error:
        fail(f"no orchestrator answers at {client.url} ({error})")
    readiness = answer.json()
    agents = client.items("/agents", limit=500)
    if json:
        print_json({"url": client.url, **readiness, "agents": agents})
    else:
        print_table(
            ("part", "state", ""),
            (
                (part["name"], "ready" if part["ready"] else "failed", part["detail"] or None)
                for part in readiness["parts"]
            ),
            empty="",
        )
        print_table(
            ("agent", "state", "instances"),
            ((agent["id"], agent["state"], len(agent["instances"])) for agent in agents),
            empty="no agents installed",
        )
    if not readiness["ready"]:
        raise typer.Exit(1)


def doctor(json: Json = False) -> None:
    """What this machine has and lacks, and how to get it. Fails only where the product cannot run."""
    from opsrail import doctor as checks  # noqa: PLC0415 (only here)

    found = checks.run(data_folder())
    if json:
        print_json([asdict(item) for item in found])
    else:
        print_table(
            ("", "what", "detail", "how to get it"),
            ((_mark(item), item.name, item.detail, None if item.ok else item.fix or None) for item in found),
            empty="",
        )
    if not all(item.ok for item in found if item.required):
        raise typer.Exit(1)


def _mark(item: "Check") -> str:
    return "✓" if item.ok else "✗" if item.required else "-"
