"""A cancellation that is swallowed, as `asyncio.wait_for` of Python 3.11 does, keeps nothing alive."""

import asyncio
from datetime import timedelta

import pytest

from opsrail_sdk import tasks
from opsrail_sdk.tasks import end, set_within, within

SOON = timedelta(milliseconds=50)


@pytest.fixture(autouse=True)
def again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "CANCEL_AGAIN", SOON)


async def for_ever(*, swallowed: int) -> None:
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            if swallowed == 0:
                raise
            swallowed -= 1


async def test_ends_what_swallows_cancellations() -> None:
    stubborn, meek = (asyncio.create_task(for_ever(swallowed=count)) for count in (2, 0))
    await asyncio.sleep(0)
    await end(stubborn, meek)
    assert stubborn.cancelled()
    assert meek.cancelled()


async def test_what_a_task_raises_at_its_end_is_of_no_account() -> None:
    async def fails() -> None:
        raise ValueError

    failed = asyncio.create_task(fails())
    await asyncio.wait({failed})
    await end(failed)
    await end()


async def test_a_limit_holds_against_what_swallows_cancellations() -> None:
    with pytest.raises(TimeoutError):
        await within(SOON, for_ever(swallowed=1))


async def test_within_a_limit_results_and_errors_are_the_works_own() -> None:
    assert await within(timedelta(seconds=30), asyncio.sleep(0, "done")) == "done"
    with pytest.raises(asyncio.QueueEmpty):
        await within(timedelta(seconds=30), empty())


async def empty() -> None:
    asyncio.Queue[None]().get_nowait()


async def test_who_waits_can_be_cancelled_and_takes_the_work_along() -> None:
    begun = asyncio.Event()
    ended = asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()

    waiting = asyncio.create_task(within(timedelta(hours=1), work()))
    await begun.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended.is_set()


async def test_an_event_is_waited_for_no_longer_than_told() -> None:
    event = asyncio.Event()
    assert not await set_within(SOON, event)
    event.set()
    assert await set_within(SOON, event)
