"""How fast events come in: ``make bench-ingest``. About two minutes; ``--seconds`` and ``--rounds`` change that.

Signed alerts, answered once they are synced to disk, beside a FastAPI route that does nothing, beside JetStream
publishes without HTTP, and beside Alertmanager, which checks nothing and keeps the same alerts in memory. Then the
projector beside ``COPY`` and ``pgbench``.
"""

import argparse
import asyncio
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import orjson
import uvloop

from bench.ingest_apps import CONNECTION, NATS_URL, SECRET
from bench.ingest_projector import Databases, measure_projector
from bench.lib import Answered, Missing, Shot, program, report, server, signed_shot, table, wait_for, wrk
from opsrail.embedded.addresses import External
from opsrail.embedded.servers import Servers
from opsrail_sdk.bus import Bus, ensure_streams
from opsrail_sdk.contracts import subjects

BATCH = 100
PROTOCOL = "opsrail.hooks.protocol:HookProtocol"
HOOK = f"/v1/hooks/{CONNECTION}"
ALERTMANAGER_CONFIG = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"


def alerts(count: int) -> list[dict[str, Any]]:
    """Alerts as Prometheus sends them to Alertmanager, and Alertmanager sends them on."""
    now = datetime.now(UTC).isoformat()
    return [
        {
            "labels": {
                "alertname": "HighCpu",
                "instance": f"host-{uuid.uuid4().hex[:12]}:9100",
                "job": "node",
                "severity": "warning",
            },
            "annotations": {"summary": "CPU is high", "description": "Above 90 % for ten minutes"},
            "startsAt": now,
            "generatorURL": "http://prometheus.test:9090/graph?g0.expr=up",
        }
        for _ in range(count)
    ]


def our_shots(per_request: int) -> list[Shot]:
    """Alertmanager's notifications with these alerts, signed."""
    shots = []
    for _ in range(256):
        found = [
            {**alert, "status": "firing", "endsAt": "0001-01-01T00:00:00Z", "fingerprint": uuid.uuid4().hex[:16]}
            for alert in alerts(per_request)
        ]
        notification = {"version": "4", "status": "firing", "receiver": "opsrail", "alerts": found}
        shots.append(signed_shot(HOOK, orjson.dumps(notification), SECRET))
    return shots


def alertmanager_shots(per_request: int) -> list[Shot]:
    headers = {"Content-Type": "application/json"}
    return [Shot("/api/v2/alerts", orjson.dumps(alerts(per_request)), headers) for _ in range(256)]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def application(name: str, workers: int, nats_url: str) -> Iterator[str]:
    """One of ``bench.ingest_apps`` under uvicorn; its address."""
    port = free_port()
    command = [
        *(sys.executable, "-m", "uvicorn", f"bench.ingest_apps:{name}", "--factory", "--port", str(port)),
        *("--workers", str(workers), "--loop", "uvloop", "--http", PROTOCOL),
        *("--no-access-log", "--no-proxy-headers", "--no-server-header", "--log-level", "warning"),
    ]
    with server(command, {NATS_URL: nats_url}):
        url = f"http://127.0.0.1:{port}"
        wait_for(lambda: httpx.get(url))
        yield url


@contextmanager
def alertmanager() -> Iterator[str]:
    """Debian's Alertmanager; its address.

    Raises:
        Missing: it is not installed.
    """
    found = program("prometheus-alertmanager", "prometheus-alertmanager")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        config = Path(folder) / "config.yml"
        config.write_text(ALERTMANAGER_CONFIG)
        options = [
            *(f"--config.file={config}", f"--storage.path={folder}", "--cluster.listen-address="),
            *(f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"),
        ]
        with server([found, *options]):
            url = f"http://127.0.0.1:{port}"
            wait_for(lambda: httpx.get(f"{url}/-/ready").raise_for_status())
            yield url


async def raw_publishes(nats_url: str, seconds: float, waiting: int = 32) -> float:
    """JetStream publishes per second of one Python process, ``waiting`` of them at a time."""
    bus = await Bus.connect(nats_url, name="bench")
    subject, body = subjects.event(str(uuid.uuid4()), "bench.v1"), orjson.dumps([alerts(1)[0]] * 1)
    done = 0
    end = time.monotonic() + seconds

    async def publish() -> None:
        nonlocal done
        while time.monotonic() < end:
            await bus.js.publish(subject, body)
            done += 1

    began = time.monotonic()
    await asyncio.gather(*(publish() for _ in range(waiting)))
    rate = done / (time.monotonic() - began)
    await bus.close()
    return rate


async def _streams(nats_url: str) -> None:
    bus = await Bus.connect(nats_url, name="bench")
    await ensure_streams(bus.js, replicas=1)
    await bus.close()


async def _purge(nats_url: str) -> None:
    bus = await Bus.connect(nats_url, name="bench")
    await bus.js.purge_stream(subjects.EVENTS)
    await bus.close()


def measure_http(nats_url: str, seconds: float, rounds: int) -> dict[str, dict[str, float]]:
    """Medians by contestant: requests, events and latency."""
    single, batch = our_shots(1), our_shots(BATCH)
    with ExitStack() as running:
        one = running.enter_context(application("hooks", 1, nats_url))
        two = running.enter_context(application("hooks", 2, nats_url))
        noop = running.enter_context(application("noop", 1, nats_url))
        plan: list[tuple[str, str, Sequence[Shot], int, int]] = [
            ("FastAPI route that does nothing", noop, [Shot("/noop", b"{}", {})], 1, 128),
            ("hooks, 1 worker, 1 alert", one, single, 1, 128),
            ("hooks, 2 workers, 1 alert", two, single, 1, 128),
            ("hooks, 1 worker, 100 alerts", one, batch, BATCH, 32),
            ("hooks, 2 workers, 100 alerts", two, batch, BATCH, 32),
        ]
        try:
            other = running.enter_context(alertmanager())
            plan.append(("Alertmanager, 1 alert", other, alertmanager_shots(1), 1, 128))
            plan.append(("Alertmanager, 100 alerts", other, alertmanager_shots(BATCH), BATCH, 32))
        except Missing as error:
            print(f"without Alertmanager: {error}", file=sys.stderr)
        answered: dict[str, list[Answered]] = {name: [] for name, *_ in plan}
        publishes: list[float] = []
        for turn in range(rounds):
            for name, url, shots, _, connections in plan:
                print(f"round {turn + 1} of {rounds}: {name}", file=sys.stderr)
                answered[name].append(wrk(url, shots, seconds=seconds, connections=connections))
                asyncio.run(_purge(nats_url))
            publishes.append(uvloop.run(raw_publishes(nats_url, seconds)))
            asyncio.run(_purge(nats_url))
    events = {name: per_request for name, _, _, per_request, _ in plan}
    medians = {name: _median(found, events[name]) for name, found in answered.items()}
    medians["JetStream publishes from Python"] = {
        "requests_s": statistics.median(publishes),
        "events_s": statistics.median(publishes),
    }
    return medians


def _median(found: Sequence[Answered], per_request: int) -> dict[str, float]:
    rate = statistics.median([one.per_second for one in found])
    return {
        "requests_s": rate,
        "events_s": rate * per_request,
        "p50_ms": statistics.median([one.p50 for one in found]),
        "p99_ms": statistics.median([one.p99 for one in found]),
    }


RATIOS = (
    ("single / FastAPI no-op", "hooks, 1 worker, 1 alert", "FastAPI route that does nothing", 1.0),
    ("single / JetStream publishes", "hooks, 1 worker, 1 alert", "JetStream publishes from Python", None),
    ("single, 2 workers / Alertmanager", "hooks, 2 workers, 1 alert", "Alertmanager, 1 alert", 0.45),
    ("100 a request, 1 worker / Alertmanager", "hooks, 1 worker, 100 alerts", "Alertmanager, 100 alerts", None),
    ("100 a request, 2 workers / Alertmanager", "hooks, 2 workers, 100 alerts", "Alertmanager, 100 alerts", 3.0),
)


def ratios(http: dict[str, dict[str, float]]) -> list[dict[str, Any]]:
    return [
        {"ratio": title, "is": http[ours]["events_s"] / http[theirs]["events_s"], "target": target}
        for title, ours, theirs, target in RATIOS
        if theirs in http
    ]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=3, help="of each measurement")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--only", choices=("http", "projector"))
    chosen = options.parse_args()
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        asyncio.run(_measure(Path(folder), chosen, results))
    if "http" in results:
        table("ingest, synced to disk before 202", [{"what": name, **row} for name, row in results["http"].items()])
        table("ingest, ratios of events/s", results["http_ratios"])
    if "projector" in results:
        table("projector, rows/s", results["projector"])
    report("ingest", results)


async def _measure(folder: Path, chosen: argparse.Namespace, results: dict[str, Any]) -> None:
    servers = Servers(folder, external=External())
    async with servers as endpoints:
        await _streams(endpoints.nats_url)
        if chosen.only != "projector":
            results["http"] = await asyncio.to_thread(measure_http, endpoints.nats_url, chosen.seconds, chosen.rounds)
            results["http_ratios"] = ratios(results["http"])
        if chosen.only != "http":
            databases = Databases(endpoints.database_url, endpoints.migration_url, servers.admin_url)
            results["projector"] = await asyncio.to_thread(
                lambda: uvloop.run(measure_projector(databases, endpoints.nats_url, chosen.rounds))
            )


if __name__ == "__main__":
    try:
        main()
    except (Missing, subprocess.CalledProcessError) as error:
        sys.exit(str(error))
