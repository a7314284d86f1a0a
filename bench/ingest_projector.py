"""The part of ``bench.ingest`` about the projector: the loop itself, from the bus into the table, beside ``COPY``."""

import asyncio
import statistics
import subprocess
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import psycopg
from pydantic import SecretStr
from sqlalchemy import make_url

from bench.lib import Missing, program
from opsrail.db import migrate
from opsrail.db.engine import Database
from opsrail.events.rows import COLUMNS, Message, Row, read
from opsrail.settings import DatabaseSettings
from opsrail.workers.projector import CONSUMER, Projector
from opsrail_sdk.bus import Bus, ensure_streams
from opsrail_sdk.contracts import subjects

ORG = "0190a5c6-0000-7000-8000-00000000000a"
TYPE = "io.opsrail.bench.v1"
EVENTS = 20_000
PER_MESSAGE = 100
PER_COPY = 1000
_TARGET = 0.5


@dataclass(frozen=True)
class Databases:
    """Addresses of the same database for the application and the tables' owner, and the superuser's."""

    application: str
    owner: str
    admin: str

    @property
    def superuser(self) -> str:
        """Row-level security holds for the tables' owner too, so a plain ``COPY`` needs the superuser."""
        name = make_url(self.application).database
        return make_url(self.admin).set(drivername="postgresql", database=name).render_as_string(hide_password=False)


def batches(events: int) -> list[bytes]:
    """Messages as ingress publishes them."""
    now = datetime.now(UTC).isoformat()
    return [
        orjson.dumps(
            [
                {
                    "specversion": "1.0",
                    "id": str(uuid.uuid4()),
                    "source": "http://alertmanager.test:9093",
                    "type": TYPE,
                    "subject": uuid.uuid4().hex[:16],
                    "time": now,
                    "datacontenttype": "application/json",
                    "orgid": ORG,
                    "connectionid": ORG,
                    "correlationid": str(uuid.uuid4()),
                    "traceparent": f"00-{uuid.uuid4().hex}-b7ad6b7169203331-01",
                    "data": {"labels": {"alertname": "HighCpu", "n": number}, "text": "x" * 300},
                }
                for number in range(PER_MESSAGE)
            ]
        )
        for _ in range(events // PER_MESSAGE)
    ]


async def measure_projector(databases: Databases, nats_url: str, rounds: int) -> list[dict[str, Any]]:
    """Medians of rows per second, with the ratio to a plain ``COPY`` into the same table."""
    await asyncio.to_thread(migrate.upgrade, databases.owner)
    database = Database(DatabaseSettings(url=SecretStr(databases.application)))
    bus = await Bus.connect(nats_url, name="bench")
    await ensure_streams(bus.js, replicas=1)
    projected, copied, bare = [], [], []
    for _ in range(rounds):
        projected.append(await _project(database, bus))
        copied.append(await _copy(databases.superuser, "events"))
        bare.append(await _copy(databases.superuser, "events_bare"))
    await bus.close()
    await database.close()
    plain, ours, unfenced = (statistics.median(figures) for figures in (copied, projected, bare))
    rows = [
        {"what": "projector, bus to table", "rows_s": ours, "of_copy": ours / plain,
         "target": _TARGET},
        {"what": "COPY, same table", "rows_s": plain, "of_copy": 1.0},
        {"what": "COPY, no index, no partition", "rows_s": unfenced, "of_copy": unfenced / plain},
    ]  # fmt: skip
    try:
        transactions = await asyncio.to_thread(_pgbench, databases.superuser)
        rows.append({"what": "pgbench -N, 8 clients, tps", "rows_s": transactions, "of_copy": transactions / plain})
    except Missing as error:
        print(f"without pgbench: {error}")
    return rows


async def _project(database: Database, bus: Bus) -> float:
    await bus.js.purge_stream(subjects.EVENTS)
    for body in batches(EVENTS):
        await bus.js.publish(subjects.event(ORG, TYPE), body)
    stop = asyncio.Event()
    began = time.monotonic()
    loop = asyncio.create_task(Projector(database, bus).run(stop))
    while True:
        await asyncio.sleep(0.01)
        if loop.done():
            loop.result()
        try:
            info = await bus.js.consumer_info(subjects.EVENTS, CONSUMER)
        except Exception:  # noqa: BLE001 (the loop has not made its consumer yet)
            continue
        if not info.num_pending and not info.num_ack_pending:
            break
    took = time.monotonic() - began
    stop.set()
    await loop
    return EVENTS / took


async def _copy(url: str, table: str) -> float:
    """The same lines as the projector writes, made beforehand."""
    lines = [_lines(body) for body in batches(EVENTS)]
    step = PER_COPY // PER_MESSAGE
    chunks = [
        b"".join(row.line for rows in lines[at : at + step] for row in rows) for at in range(0, len(lines), step)
    ]
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await connection.execute("CREATE TABLE IF NOT EXISTS events_bare (LIKE events)")
        await connection.commit()
        began = time.monotonic()
        for chunk in chunks:
            async with connection.cursor() as cursor, cursor.copy(_copy_statement(table)) as copy:
                await copy.write(chunk)
            await connection.commit()
        return EVENTS / (time.monotonic() - began)


def _lines(body: bytes) -> Sequence[Row]:
    return read(Message(subjects.event(ORG, TYPE), 1, datetime.now(UTC), body))[0]


def _copy_statement(table: str) -> str:
    return f"COPY {table} ({', '.join(COLUMNS)}) FROM STDIN (NULL '')"


def _pgbench(url: str) -> float:
    found = program("pgbench", "postgresql-contrib")
    subprocess.run([found, "-i", "-q", url], check=True, capture_output=True)
    ran = subprocess.run([found, "-n", "-N", "-c", "8", "-T", "3", url], check=True, capture_output=True, text=True)
    return next(float(line.split("=")[1].split()[0]) for line in ran.stdout.splitlines() if line.startswith("tps"))
