"""A bus that could not write is brought back: nats-server itself would stay closed until it is started anew."""

import asyncio
import resource
import sys
from datetime import timedelta
from pathlib import Path

import nats
import pytest
from nats.errors import Error as NatsError

from opsrail.embedded.mending import mend_for_ever
from opsrail.embedded.servers import Servers
from opsrail.testing.stack import PATIENCE_SECONDS
from opsrail_sdk.tasks import end


@pytest.mark.skipif(sys.platform != "linux", reason="limits of another process are Linux's")
async def test_a_stream_that_could_not_be_written_takes_messages_again(tmp_path: Path) -> None:
    servers = Servers(tmp_path / "data")
    async with servers as endpoints:
        bus = await nats.connect(endpoints.nats_url)
        stream = bus.jetstream(timeout=PATIENCE_SECONDS)
        await stream.add_stream(name="KEPT", subjects=["kept"])
        await stream.publish("kept", b"before")
        assert await servers.unwritable() is None

        _, most = resource.prlimit(servers.pids()["nats"], resource.RLIMIT_FSIZE)
        resource.prlimit(servers.pids()["nats"], resource.RLIMIT_FSIZE, (64 * 1024, most))
        with pytest.raises((NatsError, TimeoutError)):
            await stream.publish("kept", b"x" * 200_000, timeout=0.5)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while "write error" not in (await servers.unwritable() or ""):
                await asyncio.sleep(0.05)
        resource.prlimit(servers.pids()["nats"], resource.RLIMIT_FSIZE, (most, most))
        with pytest.raises((NatsError, TimeoutError)):
            await stream.publish("kept", b"still closed", timeout=0.5)
        await bus.close()

        mending = asyncio.create_task(mend_for_ever(servers, period=timedelta(milliseconds=50)))
        try:
            async with asyncio.timeout(180):
                while not await published(endpoints.nats_url):
                    await asyncio.sleep(0.05)
        except TimeoutError:
            pytest.fail(servers.children["nats"].log_path.read_text())
        finally:
            await end(mending)
        bus = await nats.connect(endpoints.nats_url)
        assert (await bus.jetstream(timeout=PATIENCE_SECONDS).get_msg("KEPT", 1)).data == b"before"
        assert await servers.unwritable() is None
        await bus.close()


async def published(url: str) -> bool:
    """Over a connection of its own: the server is asked, not whether a client finds back to it."""
    try:
        bus = await nats.connect(url, allow_reconnect=False, connect_timeout=5)
    except (NatsError, OSError, TimeoutError):
        return False
    try:
        await bus.jetstream(timeout=5).publish("kept", b"after")
    except (NatsError, OSError, TimeoutError):
        return False
    finally:
        await bus.close()
    return True
