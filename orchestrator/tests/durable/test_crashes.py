"""A worker is killed with -9 at every boundary of a flow; another one goes on, and the effects are counted."""

from datetime import timedelta

import pytest

from opsrail.testing.flow_bench import FlowBench

STEPS = ["one", "two", "three", "four"]


@pytest.mark.parametrize("step", STEPS)
async def test_killed_in_a_step_before_its_journal(bench: FlowBench, step: str) -> None:
    """What was journalled is not done again; the step that was under way is, with the same key."""
    await bench.hang_at(step)
    run_id = await bench.start("five")
    await bench.signal(run_id, "go", {})
    async with bench.process() as victim:
        await bench.until_effect(step)
        await bench.kill(victim)
    async with bench.process():
        run = await bench.ended(run_id)
    assert run.state == "succeeded"
    assert run.output["seen"] == STEPS
    assert run.attempt == 2
    effects = await bench.effects()
    assert {name: effects.count(name) for name in STEPS} == {name: 2 if name == step else 1 for name in STEPS}
    assert len(await bench.keys()) == len(STEPS)


async def test_killed_while_it_sleeps(bench: FlowBench) -> None:
    hour = timedelta(hours=1)
    run_id = await bench.start("five", sleep=hour.total_seconds())
    await bench.signal(run_id, "go", {})
    async with bench.process() as victim:
        await bench.until_effect("two")
        slept = await bench.reached(run_id, lambda run: run.lease_owner is None)
        await bench.kill(victim)
    assert slept.state == "running"
    assert slept.available_at - slept.started_at >= hour
    await bench.pass_time(hour)
    async with bench.process():
        run = await bench.ended(run_id)
    assert await bench.effects() == STEPS
    assert run.output["seen"] == STEPS


async def test_killed_while_it_waits_for_a_signal_that_comes_meanwhile(bench: FlowBench) -> None:
    run_id = await bench.start("five")
    async with bench.process() as victim:
        await bench.until_effect("three")
        await bench.reached(run_id, lambda run: run.lease_owner is None)
        await bench.kill(victim)
    await bench.signal(run_id, "go", {"while": "nobody was there"})
    async with bench.process():
        run = await bench.ended(run_id)
    assert run.output["payload"] == {"while": "nobody was there"}
    assert await bench.effects() == STEPS
    assert run.attempt == 1


async def test_killed_between_a_cancel_and_its_compensation(bench: FlowBench) -> None:
    await bench.hang_at("unmake")
    run_id = await bench.start("undo")
    async with bench.process() as victim:
        await bench.until_effect("make")
        await bench.cancel(run_id)
        await bench.until_effect("unmake")
        await bench.kill(victim)
    async with bench.process():
        run = await bench.ended(run_id)
    assert run.state == "cancelled"
    assert await bench.effects() == ["make", "unmake", "unmake"]
