"""A worker in a process of its own, to be killed: ``python -m …flow_worker DATABASE NATS OUTSIDE LEASE``."""

import asyncio
import sys
from datetime import timedelta

from pydantic import SecretStr

from opsrail.db.engine import Database
from opsrail.durable.engine import Flows
from opsrail.settings import DatabaseSettings
from opsrail.stream.hints import Hints
from opsrail.testing.flow_samples import registry
from opsrail_sdk.bus import Bus

PATIENCE = timedelta(minutes=2)


async def main(database_url: str, nats_url: str, outside_url: str, lease: float) -> None:
    settings = DatabaseSettings(url=SecretStr(database_url), connect_timeout=PATIENCE, statement_timeout=PATIENCE)
    database = Database(settings)
    bus = await Bus.connect(nats_url, name="flows", patience=PATIENCE, answer=PATIENCE)
    hints = Hints(bus)
    await hints.start()
    print("ready", flush=True)
    await Flows(database, hints, registry(outside_url), settings, lease=timedelta(seconds=lease)).run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])))
