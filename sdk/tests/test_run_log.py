"""Log lines on their way: batches, numbers, bounds."""

import asyncio

from nats.errors import Error as NatsError

from opsrail_sdk.bus import Bus
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.run import RunLog
from opsrail_sdk.live_context import utc_now
from opsrail_sdk.masking import Masker
from opsrail_sdk.run_log import BATCH, LONGEST_LINE, MOST_HELD, RunLogger
from opsrail_sdk.testing.harness import PATIENCE
from opsrail_sdk.testing.server import NatsServer


def logger(bus: Bus, attempt: int = 1) -> RunLogger:
    return RunLogger(bus, org_id="o", agent_id="a", run_id="r", attempt=attempt, masker=Masker(), clock=utc_now)


async def stored(bus: Bus) -> list[RunLog]:
    try:
        info = await bus.js.stream_info(subjects.RUNS)
    except NatsError:
        return []
    messages = [await bus.js.get_msg(subjects.RUNS, seq=number + 1) for number in range(info.state.last_seq)]
    return [RunLog.model_validate_json(message.data or b"") for message in messages]


async def test_lines_that_come_together_travel_together(bus: Bus) -> None:
    lines = logger(bus)
    for number in range(50):
        lines.add(f"line {number}")
    await lines.close()
    (batch,) = await stored(bus)
    assert [line.n for line in batch.lines] == list(range(1, 51))


async def test_many_lines_are_split_and_keep_their_order(bus: Bus) -> None:
    lines = logger(bus, attempt=2)
    for number in range(1000):
        lines.add(f"{number} " + "x" * 500)
    await lines.close()
    batches = await stored(bus)
    assert all(sum(len(line.text) for line in batch.lines) < 2 * BATCH for batch in batches)
    assert [line.n for batch in batches for line in batch.lines] == list(range(1, 1001))
    assert {batch.attempt for batch in batches} == {2}


async def test_long_lines_are_cut_with_a_note(bus: Bus) -> None:
    lines = logger(bus)
    lines.add("x" * (LONGEST_LINE + 7))
    await lines.close()
    (batch,) = await stored(bus)
    assert batch.lines[0].text.endswith("(7 characters cut off)")


async def test_lines_wait_for_a_bus_that_is_away_in_bounded_memory(
    bus: Bus, agents_bus: Bus, nats_server: NatsServer
) -> None:
    await nats_server.stop(kill=True)
    lines = logger(agents_bus)
    text = "x" * LONGEST_LINE
    for _ in range(MOST_HELD // LONGEST_LINE + 10):
        lines.add(text)
    await nats_server.start()
    await lines.close(PATIENCE)
    lines_stored = [line for batch in await stored(bus) for line in batch.lines]
    assert len(lines_stored) == MOST_HELD // LONGEST_LINE


async def test_what_was_left_out_is_told(bus: Bus, agents_bus: Bus, nats_server: NatsServer) -> None:
    await nats_server.stop(kill=True)
    lines = logger(agents_bus)
    for _ in range(MOST_HELD // LONGEST_LINE + 3):
        lines.add("x" * LONGEST_LINE)
    await nats_server.start()
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while not await stored(bus):
            await asyncio.sleep(0.05)
    lines.add("after")
    await lines.close(PATIENCE)
    texts = [line.text for batch in await stored(bus) for line in batch.lines]
    assert texts[-2:] == ["(3 lines left out: the bus was away)", "after"]
