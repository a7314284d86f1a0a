"""Durable flows per second: five journalled steps each, one worker process, on a real PostgreSQL.

``python -m bench.durable [--flows N] [--rounds N]``. Beside it, on the same server, plain one-row inserts: the limit
that small transactions have there. A flow of five steps needs seven writes.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

import psycopg
import uvloop
from pydantic import SecretStr
from sqlalchemy import make_url, text

from bench import lib
from opsrail.db import migrate
from opsrail.db.engine import Database
from opsrail.durable import service
from opsrail.durable.context import FlowContext, StepContext
from opsrail.durable.engine import Flows
from opsrail.durable.flows import Flow, Registry, flow
from opsrail.embedded.addresses import Endpoints
from opsrail.settings import DatabaseSettings
from opsrail.stream.hints import Hints
from opsrail.testing.servers import RunningServers
from opsrail_sdk.bus import Bus, ensure_streams


@flow("five")
async def five(ctx: FlowContext, input: dict[str, Any]) -> dict[str, Any]:
    async def work(step: StepContext) -> dict[str, int]:
        return {"attempt": step.attempt}

    for n in range(5):
        await ctx.step(f"step-{n}", work)
    return {}


@flow("one")
async def one(ctx: FlowContext, input: dict[str, Any]) -> dict[str, Any]:
    async def work(step: StepContext) -> dict[str, int]:
        return {"attempt": step.attempt}

    await ctx.step("step", work)
    return {}


async def measure(database: Database, settings: DatabaseSettings, hints: Hints, which: Flow, count: int) -> float:
    """Flows per second, from the start of the worker to the end of the last flow."""
    org_id = uuid.uuid4()
    async with database.across() as session:
        await session.execute(
            text("INSERT INTO organisations (org_id, slug, title) VALUES (:org, :slug, 'Bench')"),
            {"org": org_id, "slug": str(org_id)},
        )
        for _ in range(count):
            await service.start(session, org_id, which, {}, requested_by="bench", correlation_id="bench")
    stop = asyncio.Event()
    began = time.perf_counter()
    worker = asyncio.create_task(Flows(database, hints, Registry(five, one), settings).run(stop))
    left = count
    while left:
        await asyncio.sleep(0.05)
        async with database.organisation(org_id) as session:
            left = await session.scalar(text("SELECT count(*) FROM runs WHERE state <> 'succeeded'")) or 0
    took = time.perf_counter() - began
    stop.set()
    await worker
    return count / took


async def small_transactions(url: str, seconds: float = 2.0, clients: int = 16) -> float:
    """Commits per second of one-row inserts, each its own transaction: the limit that journals live under."""
    give_up = time.perf_counter() + seconds

    async def client() -> int:
        done = 0
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            while time.perf_counter() < give_up:
                await connection.execute("INSERT INTO bench_rows (body) VALUES ('{}')")
                done += 1
        return done

    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("CREATE TABLE IF NOT EXISTS bench_rows (id bigserial PRIMARY KEY, body jsonb)")
    return sum(await asyncio.gather(*(client() for _ in range(clients)))) / seconds


async def run(endpoints: Endpoints, count: int, rounds: int) -> None:
    settings = DatabaseSettings(url=SecretStr(endpoints.database_url))
    database = Database(settings)
    bus = await Bus.connect(endpoints.nats_url, name="bench")
    await ensure_streams(bus.js, replicas=1)
    hints = Hints(bus)
    await hints.start()
    plain = make_url(endpoints.migration_url).set(drivername="postgresql").render_as_string(hide_password=False)
    figures: dict[str, list[float]] = {"five steps": [], "one step": [], "plain inserts": []}
    for _ in range(rounds):
        figures["plain inserts"].append(await small_transactions(plain))
        figures["five steps"].append(await measure(database, settings, hints, five, count))
        figures["one step"].append(await measure(database, settings, hints, one, count))
    await hints.close()
    await bus.close()
    await database.close()
    medians = {name: statistics.median(values) for name, values in figures.items()}
    plain_rate = medians["plain inserts"]
    rows = [
        {
            "what": "flows of five steps",
            "per second": medians["five steps"],
            "x plain inserts": medians["five steps"] / plain_rate,
        },
        {
            "what": "flows of one step",
            "per second": medians["one step"],
            "x plain inserts": medians["one step"] / plain_rate,
        },
        {
            "what": "plain inserts, a transaction each, 16 connections",
            "per second": plain_rate,
            "x plain inserts": 1.0,
        },
    ]
    lib.table(f"Durable flows ({count} per round, median of {rounds})", rows)
    lib.report("durable", {"rounds": figures, "rows": rows})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flows", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="opsrail-bench-") as folder:
        servers = RunningServers(Path(folder))
        try:
            migrate.upgrade(servers.endpoints.migration_url)
            uvloop.run(run(servers.endpoints, arguments.flows, arguments.rounds))
        finally:
            servers.close()


if __name__ == "__main__":
    main()
