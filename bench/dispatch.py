"""How many wishes a second are governed: ``make bench-dispatch``.

``POST /v1/dispatch`` over HTTP on a whole stack as ``opsrail up`` starts it: token, rate limits, schema, guards,
policies, the decision, the run and the audit entry committed before the answer; with one orchestrator process and
with two (``--replicas 2``). Two contestants each: an agent that is disabled, so that runs wait; and one that is
enabled, so that besides each run's capability is signed and its command published on the same two cores. The target
is 500 a second with p99 < 100 ms.
"""

import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

import orjson

from bench.lib import Answered, Shot, report, table, wrk
from opsrail.testing.stack import Stack
from opsrail_sdk.contracts.manifest import ActionSpec, Manifest, Maturity, Risk

SECONDS = 5.0
ROUNDS = 3
CONNECTIONS = 16
WHAT = {"waiting": "runs wait", "working": "runs are sent out"}
TARGET_RATE, TARGET_P99_MS = 500.0, 100.0
ENVIRONMENT = {
    "OPSRAIL_API_RATE_PER_MINUTE": "100000000",
    "OPSRAIL_AUTH_REQUESTS_PER_ADDRESS": "100000000",
    "OPSRAIL_AUTH_REQUESTS_PER_ORGANISATION": "100000000",
    "OPSRAIL_LOG_LEVEL": "warning",
    "OPSRAIL_INSTALL_AGENTS": "false",
}


def manifest(name: str) -> dict[str, Any]:
    """An agent that runs elsewhere; nobody takes its commands."""
    restart = ActionSpec(
        name="restart",
        title="Restart",
        risk=Risk.WRITE,
        idempotent=True,
        dry_run=True,
        input_schema={
            "type": "object",
            "properties": {"service": {"type": "string"}, "environment": {"type": "string"}},
            "required": ["service", "environment"],
        },
        output_schema={"type": "object"},
    )
    agent = Manifest(
        id=name,
        title=name,
        description="For the bench",
        version="1.0.0",
        owner="bench",
        maturity=Maturity.ALPHA,
        module=name,
        actions=(restart,),
        config_schema={"type": "object"},
    )
    return agent.model_dump(mode="json")


def shots(name: str, token: str) -> list[Shot]:
    """Wishes for many services, so that no two are about the same."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    bodies = (
        {"intent": f"{name}.restart", "input": {"service": f"svc-{n}", "environment": "staging"}} for n in range(1000)
    )
    return [Shot("/v1/dispatch", orjson.dumps(body), headers) for body in bodies]


def prepare(stack: Stack) -> None:
    with stack.client() as client:
        for name in ("waiting", "working"):
            body = {"runtime": "external", "manifest": manifest(name)}
            client.post("/v1/agents", json=body).raise_for_status()
        client.post("/v1/agents/working/enable", json={"backlog": "replay"}).raise_for_status()


def decision_ms(stack: Stack) -> dict[str, float]:
    """Quantiles of what the gate took, as the decisions on record tell."""
    with stack.client() as client:
        page = client.get("/v1/decisions", params={"limit": 500}).raise_for_status().json()
    times = sorted(item["seconds"] * 1000 for item in page["items"])
    return {"p50": times[len(times) // 2], "p99": times[len(times) * 99 // 100]}


def measure(replicas: int) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """The rows of one stack, and what the gate took in it."""
    measured: dict[str, list[Answered]] = {"waiting": [], "working": []}
    with tempfile.TemporaryDirectory(prefix="opsrail-bench-") as folder:
        stack = Stack(Path(folder) / "data", "--no-agents", "--replicas", str(replicas)).start()
        try:
            prepare(stack)
            wrk(stack.url, shots("waiting", stack.token), seconds=1, connections=CONNECTIONS)
            for _ in range(ROUNDS):
                for name, found in measured.items():
                    found.append(wrk(stack.url, shots(name, stack.token), seconds=SECONDS, connections=CONNECTIONS))
            gate = decision_ms(stack)
        finally:
            stack.stop()
    return [
        {
            "governed dispatch": WHAT[name],
            "processes": replicas,
            "per_second": statistics.median([one.per_second for one in found]),
            "p50_ms": statistics.median([one.p50 for one in found]),
            "p99_ms": statistics.median([one.p99 for one in found]),
        }
        for name, found in measured.items()
    ], gate


def main() -> None:
    """Measure, print, and write ``bench/results/dispatch.json``."""
    os.environ |= ENVIRONMENT
    rows: list[dict[str, Any]] = []
    gates = []
    for replicas in (1, 2):
        found, gate = measure(replicas)
        rows += found
        gates.append({"processes": replicas, **gate})
    for row in rows:
        row["met"] = row["per_second"] >= TARGET_RATE and row["p99_ms"] < TARGET_P99_MS
    table("governed dispatch", rows)
    table("guards and policies, ms", gates)
    target = {"per_second": TARGET_RATE, "p99_ms": TARGET_P99_MS}
    report("dispatch", {"dispatch": rows, "gate_ms": gates, "target": target})


if __name__ == "__main__":
    main()
