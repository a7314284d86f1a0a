"""Flows of the tests. Their steps write into the table ``effects``, and hang where the test's script says so."""

import asyncio
from datetime import timedelta
from typing import Any

import psycopg

from opsrail.durable.context import FlowContext, StepContext
from opsrail.durable.flows import Flow, Registry, flow
from opsrail.durable.schedule import Retry
from opsrail_sdk.errors import PermanentError

QUICK = Retry(attempts=3, base=timedelta(milliseconds=10), limit=timedelta(milliseconds=20))


def registry(url: str) -> Registry:
    """The flows, whose steps reach the outside world at ``url``."""

    async def effect(step: StepContext, name: str) -> dict[str, Any]:
        """Note the effect, then hang for ever if ``hangs`` has a row for this name; the row is used up."""
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            cursor = await connection.execute(
                """
                WITH used AS (DELETE FROM hangs WHERE name = %(name)s RETURNING name)
                INSERT INTO effects (name, key) VALUES (%(name)s, %(key)s) RETURNING (SELECT count(*) FROM used)
                """,
                {"name": name, "key": step.idempotency_key},
            )
            row = await cursor.fetchone()
            if row and row[0]:
                await asyncio.Event().wait()
        return {"name": name, "attempt": step.attempt}

    @flow("five")
    async def five(ctx: FlowContext, input: dict[str, Any]) -> dict[str, Any]:
        seen = [(await ctx.step("one", lambda step: effect(step, "one")))["name"]]
        seen.append((await ctx.step("two", lambda step: effect(step, "two")))["name"])
        token = str(await ctx.uuid())
        await ctx.sleep(timedelta(seconds=input.get("sleep", 0)))
        seen.append((await ctx.step("three", lambda step: effect(step, "three")))["name"])
        payload = await ctx.wait_signal("go")
        seen.append((await ctx.step("four", lambda step: effect(step, "four")))["name"])
        return {"seen": seen, "payload": payload, "token": token}

    @flow("flaky")
    async def flaky(ctx: FlowContext, input: dict[str, Any]) -> dict[str, Any]:
        async def fail_twice(step: StepContext) -> int:
            await effect(step, "flaky")
            if step.attempt < 3:
                raise RuntimeError("not yet")
            return step.attempt

        async def never(step: StepContext) -> None:
            raise PermanentError("no use", code="no_use")

        attempt = await ctx.step("flaky", fail_twice, retry=QUICK)
        if input.get("then_fail"):
            await ctx.step("never", never, retry=QUICK)
        return {"attempt": attempt}

    @flow("parallel")
    async def parallel(ctx: FlowContext, input: dict[str, Any]) -> dict[str, Any]:
        async def branch(name: str, seconds: float | None) -> str:
            """Without seconds it waits for a signal."""
            await ctx.step("begin", lambda step: effect(step, f"{name}-begin"))
            await (ctx.wait_signal("go") if seconds is None else ctx.sleep(timedelta(seconds=seconds)))
            await ctx.step("end", lambda step: effect(step, f"{name}-end"))
            return name

        return {"done": await ctx.gather(branch("a", None), branch("b", 0), branch("c", 0.1))}

    @flow("undo")
    async def undo(ctx: FlowContext, input: dict[str, Any]) -> dict[str, Any]:
        try:
            await ctx.step("make", lambda step: effect(step, "make"))
            await ctx.wait_signal("go", timeout=timedelta(hours=1))
        finally:
            await ctx.step("unmake", lambda step: effect(step, "unmake"))
        return {}

    @flow("impatient")
    async def impatient(ctx: FlowContext, input: dict[str, Any]) -> dict[str, Any]:
        await ctx.wait_signal("never", timeout=timedelta(milliseconds=50))
        return {}

    @flow("asks")
    async def asks(ctx: FlowContext, input: dict[str, Any]) -> dict[str, Any]:
        return {"answer": await ctx.run_action("calc.add", input)}

    return Registry(five, flaky, parallel, undo, impatient, asks)


def version_two() -> Flow:
    """A later ``five``, which would not fit the journals of the first."""

    @flow("five", version=2)
    async def five(ctx: FlowContext, input: dict[str, Any]) -> dict[str, Any]:
        return {"version": 2}

    return five
