"""A large artifact goes in and out in chunks: the process does not grow with it."""

import asyncio
import sys
from pathlib import Path

import pytest

from opsrail_sdk.bus import Bus
from opsrail_sdk.streams import ensure_artifacts
from opsrail_sdk.testing.server import NatsServer

SIZE = 200 << 20
ALLOWED_GROWTH = 40 << 20
SCRIPT = """
import asyncio, resource, sys
from pathlib import Path
from opsrail_sdk.bus import Bus

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

async def main(url, path):
    bus = await Bus.connect(url, name="flat")
    before = peak()
    stored = await bus.objects.store("artifacts-o", "large", Path(path))
    read = 0
    async for chunk in bus.objects.read("artifacts-o", "large"):
        read += len(chunk)
    print(stored.size, read, peak() - before)
    await bus.close()

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.slow
async def test_memory_stays_flat_on_200_megabytes(bus: Bus, nats_server: NatsServer, tmp_path: Path) -> None:
    await ensure_artifacts(bus.js, "o", replicas=1)
    file = tmp_path / "large.bin"
    with file.open("wb") as sparse:
        sparse.truncate(SIZE)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SCRIPT, nats_server.url, str(file), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    size, read, growth = map(int, output.split())
    assert (size, read) == (SIZE, SIZE)
    assert growth < ALLOWED_GROWTH
