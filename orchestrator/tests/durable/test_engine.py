"""Flows on the real database: journalled, retried, put down, called back, cancelled, fenced by version."""

import asyncio

from opsrail.durable.flows import Registry
from opsrail.testing.flow_bench import FlowBench
from opsrail.testing.flow_samples import version_two


async def test_steps_sleep_and_signal_in_order(bench: FlowBench) -> None:
    async with bench.working():
        run_id = await bench.start("five", sleep=0.05)
        await bench.until_effect("three")
        await bench.signal(run_id, "go", {"by": "test"})
        run = await bench.ended(run_id)
    assert run.state == "succeeded"
    assert run.output["seen"] == ["one", "two", "three", "four"]
    assert run.output["payload"] == {"by": "test"}
    assert await bench.effects() == ["one", "two", "three", "four"]


async def test_a_signal_that_comes_early_is_kept(bench: FlowBench) -> None:
    run_id = await bench.start("five")
    await bench.signal(run_id, "go", {"early": True})
    await bench.signal(run_id, "go", {"early": False})
    async with bench.working():
        run = await bench.ended(run_id)
    assert run.output["payload"] == {"early": True}


async def test_a_failing_step_is_tried_again_and_a_hopeless_one_is_not(bench: FlowBench) -> None:
    async with bench.working():
        good = await bench.ended(await bench.start("flaky"))
        bad = await bench.ended(await bench.start("flaky", then_fail=True))
    assert good.output == {"attempt": 3}
    assert (bad.state, bad.error["code"]) == ("failed", "no_use")
    assert await bench.effects() == ["flaky"] * 6


async def test_branches_run_side_by_side_and_keep_their_order(bench: FlowBench) -> None:
    async with bench.working():
        run_id = await bench.start("parallel")
        for name in ("a-begin", "b-end", "c-end"):
            await bench.until_effect(name)
        await bench.signal(run_id, "go")
        run = await bench.ended(run_id)
    assert run.output == {"done": ["a", "b", "c"]}
    effects = await bench.effects()
    assert sorted(effects) == sorted(f"{name}-{end}" for name in "abc" for end in ("begin", "end"))
    assert effects[-1] == "a-end"


async def test_a_cancelled_flow_undoes_what_it_did(bench: FlowBench) -> None:
    async with bench.working():
        run_id = await bench.start("undo")
        await bench.until_effect("make")
        await bench.cancel(run_id)
        run = await bench.ended(run_id)
    assert (run.state, run.error["message"]) == ("cancelled", "enough")
    assert await bench.effects() == ["make", "unmake"]


async def test_a_flow_that_waits_is_held_by_nobody_and_letting_go_undoes_nothing(bench: FlowBench) -> None:
    async with bench.working():
        run_id = await bench.start("undo")
        await bench.until_effect("make")
        await bench.reached(run_id, lambda run: run.lease_owner is None)
    assert await bench.effects() == ["make"]


async def test_a_wait_for_a_signal_ends_in_time(bench: FlowBench) -> None:
    async with bench.working():
        run = await bench.ended(await bench.start("impatient"))
    assert (run.state, run.error["code"]) == ("failed", "signal_timeout")


async def test_a_flow_of_another_version_waits_for_a_worker_that_knows_it(bench: FlowBench) -> None:
    run_id = await bench.start("five")
    await bench.signal(run_id, "go")
    async with bench.working(Registry(version_two())):
        waits = await bench.reached(run_id, lambda run: run.message is not None)
        assert waits.state == "queued"
        assert "version 1" in (waits.message or "")
        async with bench.working():
            run = await bench.ended(run_id)
    assert run.state == "succeeded"
    assert run.message is None


async def test_two_workers_share_flows_without_doing_anything_twice(bench: FlowBench) -> None:
    async with bench.working(), bench.working():
        runs = [await bench.start("five") for _ in range(40)]
        await asyncio.gather(*(bench.signal(run_id, "go", {"n": n}) for n, run_id in enumerate(runs)))
        ended = [await bench.ended(run_id) for run_id in runs]
    assert [run.output["payload"]["n"] for run in ended] == list(range(40))
    effects = await bench.effects()
    assert {name: effects.count(name) for name in ("one", "two", "three", "four")} == dict.fromkeys(
        ("one", "two", "three", "four"), 40
    )
