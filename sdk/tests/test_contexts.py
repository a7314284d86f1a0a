"""The recording context fits the protocols, and handlers run on it without a bus."""

from pathlib import Path

import opsrail_sample
import pytest

from opsrail_sdk import ActionContext, CloudEvent, EventContext
from opsrail_sdk.contracts.run import ConnectionSecret
from opsrail_sdk.errors import PermanentError
from opsrail_sdk.testing.contexts import RecordingContext


async def test_an_action_runs_on_it(tmp_path: Path) -> None:
    recorded = RecordingContext(opsrail_sample.Config(), workdir=tmp_path)
    context: ActionContext[opsrail_sample.Config] = recorded
    said = await opsrail_sample.echo(context, opsrail_sample.Text(text="you"))
    assert said.text == "hello you"
    assert (recorded.lines, recorded.progressed) == (["you"], [0.5])
    await opsrail_sample.store(context, opsrail_sample.Text(text="body"))
    assert recorded.artifacts == {"out.bin": b"body"}


async def test_a_listener_runs_on_it() -> None:
    recorded = RecordingContext(opsrail_sample.Config())
    context: EventContext[opsrail_sample.Config] = recorded
    await opsrail_sample.noted(context, CloudEvent(id="1", source="/s", type="t", data={"request": True}))
    assert recorded.requested == [("sample.echo", {"text": "1"})]


async def test_it_masks_as_the_real_one_does() -> None:
    vault = ConnectionSecret(id="1", kind="vault", name="vault", secrets={"token": "hunter22!"})
    context = RecordingContext(opsrail_sample.Config(), connections={"vault": vault})
    with pytest.raises(PermanentError):
        await opsrail_sample.leak(context, opsrail_sample.Text(text="raise"))
    assert not any("hunter22" in line for line in context.lines)
