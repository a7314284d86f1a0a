"""Starts side by side: no more than there is room for, and nobody waits for one that hangs."""

import asyncio
from datetime import timedelta

import pytest

from opsrail.embedded import turns
from opsrail.embedded.turns import Turns


async def test_a_turn_that_is_given_back_goes_to_the_next() -> None:
    two = Turns(2)
    first, _second = await two.take(), await two.take()
    third = asyncio.create_task(two.take())
    await asyncio.sleep(0)
    assert not third.done()
    first()
    await third


async def test_giving_back_twice_makes_no_room_twice() -> None:
    one = Turns(1)
    first = await one.take()
    first()
    first()
    await one.take()
    third = asyncio.create_task(one.take())
    await asyncio.sleep(0)
    assert not third.done()
    third.cancel()


async def test_a_start_that_hangs_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "LONGEST", timedelta(milliseconds=1))
    one = Turns(1)
    await one.take()
    await one.take()
