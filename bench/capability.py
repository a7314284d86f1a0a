"""What trust costs a run in its agent: ``make bench-capability``.

The check of a capability's signature and claims, and the claim of the run's fence on a real nats-server with its
streams on disk: what ``opsrail_sdk.execution`` does before the author's code begins. Beside them a bare acknowledged
publish to the same stream. The target is a median of < 2 ms for check and claim on an otherwise idle machine.
"""

import asyncio
import statistics
import tempfile
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.lib import report, table
from opsrail_sdk import capability
from opsrail_sdk.bus import Bus, ensure_streams
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.run import RunState, RunStatus
from opsrail_sdk.fence import Fence, last_status
from opsrail_sdk.testing.server import NatsServer

RUNS = 500
TARGET_MS = 2.0
ORG = str(uuid.UUID(int=1))
INPUT = {"repository": "acme/shop", "ref": "refs/heads/main", "paths": [f"src/{n}.py" for n in range(20)]}


async def main() -> None:
    """Measure, print and write the results down."""
    with tempfile.TemporaryDirectory(prefix="opsrail-bench-") as folder:
        async with NatsServer(Path(folder)) as server:
            bus = await Bus.connect(server.url, name="bench")
            await ensure_streams(bus.js, replicas=1)
            taken = await measure(bus)
            await bus.close()
    rows = [row(name, times) for name, times in taken.items()]
    table("Check and claim of a run, milliseconds", rows)
    report("capability", {"runs": RUNS, "target_ms": TARGET_MS, "rows": rows})


async def measure(bus: Bus) -> dict[str, list[float]]:
    """Seconds by step, in turn for each run, so that a slow moment of the machine hits all of them."""
    key = Ed25519PrivateKey.generate()
    keys = {"k": key.public_key()}
    taken: dict[str, list[float]] = {"bare publish": [], "check": [], "claim": [], "check and claim": []}
    for _ in range(RUNS):
        run = str(uuid.uuid4())
        order: dict[str, Any] = {"org_id": ORG, "agent": "ci", "action": "build", "input": INPUT, "run_id": run}
        token = capability.mint(key, "k", **order, decision_id="d", lifetime=timedelta(minutes=10))
        status = RunStatus(run_id=run, org_id=ORG, state=RunState.RUNNING, at=datetime.now(UTC))
        other = subjects.run_status(ORG, "ci", str(uuid.uuid4()))
        began = time.perf_counter()
        await bus.publish(other, status.encode(), message_id=f"{run}:bare")
        published = time.perf_counter()
        capability.verify(token, keys=keys, **order)
        checked = time.perf_counter()
        last = await last_status(bus, ORG, "ci", run)
        await Fence(bus, ORG, "ci", run, last.sequence).write(status)
        claimed = time.perf_counter()
        for name, seconds in zip(
            taken, (published - began, checked - published, claimed - checked, claimed - published), strict=True
        ):
            taken[name].append(seconds)
    return taken


def row(name: str, times: list[float]) -> dict[str, Any]:
    """A step's median and 99th percentile."""
    cuts = statistics.quantiles(times, n=100)
    return {"step": name, "p50 ms": round(cuts[49] * 1000, 3), "p99 ms": round(cuts[98] * 1000, 3)}


if __name__ == "__main__":
    asyncio.run(main())
