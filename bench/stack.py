"""What the whole stack costs and how fast it reacts: ``make bench-stack``.

Cold start of an installed stack to six live agents; idle memory and CPU of each process; the time from sending a
hook to the start of the run that it leads to, idle and while half of the peak rate of hooks comes in besides.
"""

import asyncio
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psutil

from bench.lib import Load, report, table
from opsrail.testing.stack import Stack, wait_until
from tests.e2e.site import Site
from tests.simulators.github_sender import signed

AGENTS = ("ci", "cd", "iac", "monitoring", "cloud", "finops")
PROBES = 300
WARM_UP = 20
PROBES_PER_SECOND = 20
IDLE_PROBES_PER_SECOND = 5
"""So far apart that each has the stack to itself."""
STARTS = 5
SETTLE_SECONDS = 10
FINISHED = {"succeeded", "failed", "timed_out", "cancelled", "interrupted"}


def cold_start(data: Path) -> dict[str, float]:
    """Seconds from starting the command to ``ready``, and to six agents that heartbeat; medians."""
    ready, live = [], []
    for _ in range(STARTS):
        began = time.monotonic()
        stack = Stack(data).start()
        ready.append(time.monotonic() - began)
        stack.wait_agents(*AGENTS)
        with stack.client() as client:
            wait_until(partial(_all_live, client), seconds=60, what="heartbeats of this life")
        live.append(time.monotonic() - began)
        stack.stop()
    return {"ready": statistics.median(ready), "six live agents": statistics.median(live)}


def _all_live(client: httpx.Client) -> bool:
    items = client.get("/v1/agents", params={"limit": 100}).json()["items"]
    return sum(bool([one for one in item["instances"] if one["state"] == "ready"]) for item in items) >= len(AGENTS)


def footprint(stack: Stack) -> list[dict[str, Any]]:
    """Memory (unique set size) and CPU share of each idle process."""
    time.sleep(SETTLE_SECONDS)
    processes = [psutil.Process(pid) for pid in (stack.pid, *stack.processes())]
    before = {process.pid: sum(process.cpu_times()[:2]) for process in processes}
    time.sleep(SETTLE_SECONDS)
    rows = []
    for process in processes:
        memory = process.memory_full_info()
        used = sum(process.cpu_times()[:2]) - before[process.pid]
        rows.append(
            {
                "process": _name(process),
                "rss_mb": memory.rss / 2**20,
                "uss_mb": memory.uss / 2**20,
                "cpu_percent": 100 * used / SETTLE_SECONDS,
            }
        )
    return sorted(rows, key=lambda row: -row["rss_mb"])


def _name(process: psutil.Process) -> str:
    words = process.cmdline()
    for word in words:
        if word.startswith("opsrail_"):
            return f"agent {word.removeprefix('opsrail_')}"
    line = " ".join(words)
    for part in ("embedded.serve", "nats-server", "valkey-server"):
        if part in line:
            return part.replace("embedded.serve", "orchestrator")
    if "postgres" in line:
        return f"postgres {' '.join(words[:1])[-30:]}" if len(words) < 3 else "postgres"
    return "supervisor" if " up" in line else process.name()


async def latency(stack: Stack, connection: dict[str, Any], probes: int, per_second: float) -> list[float]:
    """Milliseconds from sending a hook to the start of its run, one hook after the other at a steady rate."""
    sent: dict[str, float] = {}
    async with httpx.AsyncClient(
        base_url=stack.url, headers={"Authorization": f"Bearer {stack.token}"}, timeout=30
    ) as client:

        async def probe(number: int) -> None:
            event = {
                "specversion": "1.0",
                "id": str(uuid.uuid4()),
                "source": "/bench",
                "type": "io.opsrail.bench.ping.v1",
                "data": {"number": number},
            }
            body, headers = signed(connection["secret"], "", event)
            headers["Content-Type"] = "application/cloudevents+json"
            moment = time.time()
            answer = await client.post(f"/v1/hooks/{connection['id']}", content=body, headers=headers)
            answer.raise_for_status()
            sent[answer.json()["events"][0]] = moment

        tasks = []
        for number in range(probes):
            tasks.append(asyncio.create_task(probe(number)))
            await asyncio.sleep(1 / per_second)
        await asyncio.gather(*tasks)
        runs = await _runs_of(client, set(sent))
    return sorted((datetime.fromisoformat(run["started_at"]).timestamp() - sent[run["cause"]]) * 1000 for run in runs)


def reactions(data: Path) -> tuple[list[float], list[float], float]:
    """Latencies idle, latencies at half of the peak rate of hooks, and that peak rate per second."""
    stack = Stack(data).start()
    try:
        stack.wait_agents(*AGENTS, "probe")
        with stack.client() as client:
            body = {"kind": "cloudevents", "name": "bench", "settings": {}, "secrets": {}}
            connection = client.post("/v1/connections", json=body).raise_for_status().json()
        asyncio.run(latency(stack, connection, WARM_UP, PROBES_PER_SECOND))
        calm = asyncio.run(latency(stack, connection, PROBES, IDLE_PROBES_PER_SECOND))
        peak = Load(stack.url, connection).peak()
        with Load(stack.url, connection).steady(peak / 2):
            time.sleep(SETTLE_SECONDS)  # what the peak left behind is none of the steady load's
            busy = asyncio.run(latency(stack, connection, PROBES, PROBES_PER_SECOND))
    finally:
        stack.stop()
    return calm, busy, peak


async def _runs_of(client: httpx.AsyncClient, causes: set[str]) -> list[dict[str, Any]]:
    for _ in range(240):
        found: dict[str, dict[str, Any]] = {}
        cursor = None
        while True:
            parameters: dict[str, str | int] = {"agent": "probe", "limit": 500}
            if cursor:
                parameters["cursor"] = cursor
            page = (await client.get("/v1/runs", params=parameters)).json()
            found |= {
                run["cause"]: run for run in page["items"] if run["cause"] in causes and run["state"] in FINISHED
            }
            cursor = page["next"]
            if len(found) == len(causes):
                return list(found.values())
            if cursor is None:
                break
        await asyncio.sleep(0.25)
    raise RuntimeError(f"{len(causes)} hooks led to {len(found)} finished runs")


def quantile(sorted_values: list[float], share: float) -> float:
    """The value below which ``share`` of the sorted values lie."""
    return sorted_values[min(len(sorted_values) - 1, int(share * len(sorted_values)))]


@contextmanager
def _probe_installed(folder: Path) -> Iterator[None]:
    """The probe's package beside the environment's own, for processes started inside the block."""
    site = Site(folder)
    site.install(Path(__file__).parent / "agents" / "probe")
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(site.folder), before]))
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


def main() -> None:
    """Measure, print, and write ``bench/results/stack.json``."""
    with tempfile.TemporaryDirectory(prefix="opsrail-bench-") as folder:
        data = Path(folder) / "data"
        began = time.monotonic()
        first = Stack(data).start()
        first.wait_agents(*AGENTS)
        first_start = time.monotonic() - began
        first.stop()
        starts = cold_start(data)
        stack = Stack(data).start()
        try:
            stack.wait_agents(*AGENTS)
            idle = footprint(stack)
        finally:
            stack.stop()
        with _probe_installed(Path(folder) / "site"):
            calm, busy, peak = reactions(data)
    reaction_ms = {
        "idle": {"p50": quantile(calm, 0.5), "p99": quantile(calm, 0.99)},
        "half_of_peak": {"p50": quantile(busy, 0.5), "p99": quantile(busy, 0.99), "peak_hooks_per_s": peak},
    }
    results = {
        "first_start_s": first_start,
        "cold_start_s": starts,
        "idle": idle,
        "hook_to_agent_start_ms": reaction_ms,
    }
    table(
        "cold start, s",
        [{"until": "first start: six live agents", "seconds": first_start}]
        + [{"until": name, "seconds": seconds} for name, seconds in starts.items()],
    )
    table("idle processes", idle)
    table(
        "hook to agent start, ms",
        [{"load": name, **values} for name, values in reaction_ms.items()],
    )
    report("stack", results)


if __name__ == "__main__":
    main()
