"""An agent that does what tests tell it: waits, fails, leaks. Also runs as a process of its own."""

import asyncio
import base64
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import structlog
from pydantic import BaseModel, ConfigDict

from opsrail_sdk import (
    ActionContext,
    Agent,
    CloudEvent,
    Context,
    EventContext,
    QueryContext,
    Risk,
    action,
    every,
    query,
    subscribe,
)
from opsrail_sdk.errors import (
    ApprovalRequired,
    CredentialsRejected,
    InvalidInput,
    NotFound,
    PermanentError,
    RateLimited,
    Unavailable,
)

CALLS: list[tuple[str, str]] = []
"""What was called in this process: verb and what identifies the call."""


class Config(BaseModel):
    model_config = ConfigDict(extra="forbid")
    greeting: str = "hello"


class Text(BaseModel):
    text: str


class Folder(BaseModel):
    folder: Path


class Done(BaseModel):
    attempt: int


class Kind(BaseModel):
    kind: str


ERRORS: dict[str, Exception] = {
    "permanent": PermanentError("no use", detail={"why": "because"}),
    "approval": ApprovalRequired("ask somebody"),
    "setup": CredentialsRejected("the key is no good"),
    "unexpected": KeyError("internal detail"),
    "retryable": Unavailable("away"),
    "refused": InvalidInput("not that"),
}


@action(risk=Risk.READ, idempotent=True, dry_run=True)
async def echo(ctx: ActionContext[Config], input: Text) -> Text:
    CALLS.append(("echo", ctx.run_id))
    ctx.line(input.text)
    await ctx.progress(0.5, "half")
    return Text(text=f"{ctx.config.greeting} {input.text}{' (dry)' if ctx.dry_run else ''}")


async def _wait_in(folder: Path, ctx: ActionContext[Config]) -> Done:
    with (folder / "started").open("a") as file:
        file.write(f"{ctx.attempt}\n")
    try:
        while not (folder / "release").exists():
            await asyncio.sleep(0.01)
    except asyncio.CancelledError:
        (folder / "cancelled").touch()
        raise
    with (folder / "done").open("a") as file:
        file.write(f"{ctx.attempt}\n")
    return Done(attempt=ctx.attempt)


@action(risk=Risk.WRITE, idempotent=True)
async def hold(ctx: ActionContext[Config], input: Folder) -> Done:
    return await _wait_in(input.folder, ctx)


@action(risk=Risk.WRITE, idempotent=False)
async def charge(ctx: ActionContext[Config], input: Folder) -> Done:
    return await _wait_in(input.folder, ctx)


@action(risk=Risk.WRITE, idempotent=True, timeout=timedelta(milliseconds=100))
async def hurry(ctx: ActionContext[Config], input: Folder) -> Done:
    return await _wait_in(input.folder, ctx)


@action(risk=Risk.WRITE, idempotent=True)
async def recover(ctx: ActionContext[Config], input: Kind) -> Done:
    if ctx.attempt == 1:
        raise ERRORS[input.kind]
    if ctx.attempt == 2:
        raise RateLimited("slow down", retry_after=timedelta(milliseconds=10))
    return Done(attempt=ctx.attempt)


@action(risk=Risk.WRITE, idempotent=True)
async def fail(ctx: ActionContext[Config], input: Kind) -> Done:
    CALLS.append(("fail", ctx.run_id))
    raise ERRORS[input.kind]


@action(risk=Risk.WRITE, idempotent=False)
async def fail_once(ctx: ActionContext[Config], input: Kind) -> Done:
    CALLS.append(("fail_once", ctx.run_id))
    raise ERRORS[input.kind]


@action(risk=Risk.READ, idempotent=True)
async def leak(ctx: ActionContext[Config], input: Text) -> Text:
    secret = (await ctx.connection("vault")).secrets["token"]
    for form in (
        secret,
        quote(secret, safe=""),
        base64.b64encode(f"user:{secret}".encode()).decode(),
        base64.urlsafe_b64encode(secret.encode()).decode(),
    ):
        ctx.line(f"form {form} end")
    await ctx.progress(0.1, secret)
    leaked = {"header": base64.b64encode(f"user:{secret}".encode()).decode(), "nested": [secret]}
    await ctx.emit(CloudEvent(id=ctx.run_id, source="/sample", type="sample.leaked", subject=secret, data=leaked))
    structlog.get_logger().info("leaking", secret=secret)
    if input.text == "raise":
        raise PermanentError(f"rejected {secret}", detail={"token": secret})
    return Text(text=f"got {secret}")


@action(risk=Risk.READ, idempotent=True)
async def store(ctx: ActionContext[Config], input: Text) -> Text:
    file = ctx.workdir / "out.bin"
    file.write_text(input.text)
    stored = await ctx.store_artifact(file, name="out.bin", media_type="text/plain", keep=timedelta(days=1))
    return Text(text=stored.digest)


@query()
async def greet(ctx: QueryContext[Config], input: Text) -> Text:
    return Text(text=f"{ctx.config.greeting} {input.text}")


@query(timeout=timedelta(milliseconds=50))
async def stumble(ctx: QueryContext[Config], input: Kind) -> Text:
    if input.kind == "slow":
        await asyncio.sleep(30)
    if input.kind == "missing":
        raise NotFound("no\nsuch thing")
    raise ERRORS[input.kind]


@query(timeout=timedelta(seconds=60))
async def meet(ctx: QueryContext[Config], input: Text) -> Text:
    """Answers once two callers are here at the same time."""
    async with asyncio.timeout(30):
        await _BARRIER.wait()
    return input


_BARRIER = asyncio.Barrier(2)


@subscribe("test.noted.*", "test.exact")
async def noted(ctx: EventContext[Config], event: CloudEvent) -> None:
    CALLS.append(("noted", event.id))
    data: dict[str, Any] = event.data or {}
    if seen := data.get("file"):
        with Path(seen).open("a") as file:
            file.write(f"{event.id}\n")
    calls = CALLS.count(("noted", event.id))
    if "fail" in data and calls <= data.get("times", 99):
        raise ERRORS[data["fail"]]
    if data.get("request"):
        await ctx.request("sample.echo", Text(text=event.id))


@every(timedelta(hours=1))
async def tidy(ctx: Context[Config]) -> None:
    CALLS.append(("tidy", ctx.agent_id))


agent = Agent(
    id="sample",
    title="Sample",
    description="Does what tests tell it",
    version="1.0.0",
    owner="tests",
    module="opsrail_sample",
    config=Config,
    requests=["sample.echo"],
    actions=[echo, hold, charge, hurry, recover, fail, fail_once, leak, store],
    queries=[greet, stumble, meet],
    subscriptions=[noted],
    schedules=[tidy],
)

if __name__ == "__main__":
    from opsrail_sdk.runtime import main

    main(agent)
