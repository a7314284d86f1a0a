"""One delivery of a command, on a real server: governing, outcomes, masking, cancel."""

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import opsrail_sample
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from opsrail_sdk import capability
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.run import ActionCommand, ConnectionSecret, RunState, RunStatus
from opsrail_sdk.live_context import utc_now
from opsrail_sdk.testing.harness import PATIENCE, AgentHarness
from opsrail_sdk.testing.server import NatsServer


@pytest_asyncio.fixture
async def harness(nats_server: NatsServer) -> AsyncIterator[AgentHarness]:
    opsrail_sample.CALLS.clear()
    async with AgentHarness(opsrail_sample.agent, nats_server.url) as running:
        yield running


async def wait_for(path: Path) -> None:
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while not path.exists():
            await asyncio.sleep(0.01)


async def test_a_run_succeeds_with_lines_progress_and_output(harness: AgentHarness) -> None:
    run = await harness.run("echo", {"text": "you\nthere"})
    assert [status.state for status in run.statuses] == [RunState.RUNNING, RunState.RUNNING, RunState.SUCCEEDED]
    assert run.statuses[1].progress == 0.5
    assert run.status.output == {"text": "hello you\nthere"}
    assert [(line.n, line.text) for line in run.lines] == [(1, "you"), (2, "there")]


async def test_dry_run_is_told_and_refused_where_unsupported(harness: AgentHarness) -> None:
    assert (await harness.run("echo", {"text": "x"}, dry_run=True)).status.output == {"text": "hello x (dry)"}
    run = await harness.run("fail", {"kind": "permanent"}, dry_run=True)
    assert run.status.error is not None
    assert run.status.error.code == "dry_run_unsupported"
    assert ("fail", run.id) not in opsrail_sample.CALLS


async def test_bad_input_names_the_field_and_not_the_value(harness: AgentHarness) -> None:
    run = await harness.run("echo", {"text": {"token": "hunter22"}})
    assert run.status.state is RunState.FAILED
    assert run.status.error is not None
    assert run.status.error.code == "invalid_input"
    assert "text" in run.status.error.message
    assert "hunter22" not in run.status.model_dump_json()


async def test_a_finished_run_is_never_done_again(harness: AgentHarness) -> None:
    run = await harness.run("echo", {"text": "x"})
    command = harness.orchestration.command(harness.agent, "echo", {"text": "x"}, run_id=run.id)
    await harness.orchestration.send(command, message_id="again")
    await harness.run("echo", {"text": "later"})
    await no_commands_left(harness)
    assert opsrail_sample.CALLS.count(("echo", run.id)) == 1


async def no_commands_left(harness: AgentHarness) -> None:
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while (await harness.orchestration.bus.js.stream_info(subjects.ACTIONS)).state.messages:
            await asyncio.sleep(0.01)


def forged(command: ActionCommand, harness: AgentHarness, name: str) -> ActionCommand:
    """The command as somebody would send it who has no right to."""
    genuine = {
        "org_id": harness.org,
        "agent": "sample",
        "action": "echo",
        "input": command.input,
        "run_id": command.run_id,
        "decision_id": "d",
        "lifetime": timedelta(minutes=5),
    }
    changed = {
        "wrong_audience": {"agent": "cd"},
        "wrong_input": {"input": {"text": "other"}},
        "wrong_run": {"run_id": "other"},
        "wrong_org": {"org_id": "other"},
        "wrong_action": {"action": "fail"},
        "wrong_mode": {"dry_run": True},
        "expired": {"now": utc_now() - timedelta(hours=1)},
    }
    key, kid = harness.orchestration.key, harness.orchestration.kid
    if name == "malformed":
        token = "not.a.token"
    elif name == "unknown_key":
        token = capability.mint(Ed25519PrivateKey.generate(), "other", **genuine)
    elif name == "bad_signature":
        token = capability.mint(Ed25519PrivateKey.generate(), kid, **genuine)
    else:
        token = capability.mint(key, kid, **{**genuine, **changed[name]})
    return command.model_copy(update={"capability": token})


@pytest.mark.parametrize(
    "name",
    [
        "malformed", "unknown_key", "bad_signature", "expired", "wrong_audience", "wrong_input", "wrong_run",
        "wrong_org", "wrong_action", "wrong_mode",
    ],
)  # fmt: skip
async def test_a_capability_that_does_not_hold_runs_nothing(harness: AgentHarness, name: str) -> None:
    command = forged(harness.orchestration.command(harness.agent, "echo", {"text": "x"}), harness, name)
    await harness.orchestration.send(command)
    run = await harness.orchestration.finished(command.run_id)
    assert run.status.state is RunState.FAILED
    assert run.status.error is not None
    assert run.status.error.code == f"capability_{name}"
    assert {verb for verb, _ in opsrail_sample.CALLS} <= {"tidy"}
    await no_commands_left(harness)


async def test_a_forged_command_does_not_end_a_run_that_somebody_holds(harness: AgentHarness, tmp_path: Path) -> None:
    command = harness.orchestration.command(harness.agent, "hold", {"folder": str(tmp_path)})
    await harness.orchestration.send(command)
    await wait_for(tmp_path / "started")
    await harness.orchestration.send(forged(command, harness, "bad_signature"), message_id="forged")
    await harness.run("echo", {"text": "x"})
    (tmp_path / "release").touch()
    assert (await harness.orchestration.finished(command.run_id)).status.state is RunState.SUCCEEDED


KEY_MAY_BE_LATE = {"retry_base": timedelta(seconds=1)}
"""Such a command is looked at again after 2, 4 and 8 of these before its key counts as forged."""


async def test_keys_can_be_rotated_while_running(nats_server: NatsServer) -> None:
    async with AgentHarness(opsrail_sample.agent, nats_server.url, settings=KEY_MAY_BE_LATE) as harness:
        harness.orchestration.key = Ed25519PrivateKey.generate()
        harness.orchestration.kid = "next"
        await harness.orchestration.trust()
        assert (await harness.run("echo", {"text": "x"})).status.state is RunState.SUCCEEDED


async def test_a_command_signed_by_a_key_that_is_on_its_way_waits_for_it(nats_server: NatsServer) -> None:
    async with AgentHarness(opsrail_sample.agent, nats_server.url, settings=KEY_MAY_BE_LATE) as harness:
        harness.orchestration.key = Ed25519PrivateKey.generate()
        harness.orchestration.kid = "next"
        command = harness.orchestration.command(harness.agent, "echo", {"text": "x"})
        await harness.orchestration.send(command)
        consumer = subjects.actions_consumer(harness.org, harness.agent.id)
        async with asyncio.timeout(PATIENCE.total_seconds()):
            while not (
                await harness.orchestration.bus.js.consumer_info(subjects.ACTIONS, consumer)
            ).delivered.consumer_seq:
                await asyncio.sleep(0.01)
        await harness.orchestration.trust()
        assert (await harness.orchestration.finished(command.run_id)).status.state is RunState.SUCCEEDED


async def test_garbage_is_thrown_away(harness: AgentHarness) -> None:
    bus = harness.orchestration.bus
    await bus.publish(subjects.action(harness.org, "sample", "echo"), b"{nonsense", message_id="1")
    await no_commands_left(harness)


@pytest.mark.parametrize("kind", ["retryable", "unexpected"])
async def test_what_may_pass_is_tried_again(harness: AgentHarness, kind: str) -> None:
    run = await harness.run("recover", {"kind": kind})
    assert run.status.state is RunState.SUCCEEDED
    assert run.status.output == {"attempt": 3}
    waiting = [status for status in run.statuses if status.error is not None]
    assert [status.state for status in waiting] == [RunState.RUNNING, RunState.RUNNING]
    assert all((status.message or "").startswith("retrying in") for status in waiting)


@pytest.mark.parametrize(
    ("action", "kind", "end", "attempts"),
    [
        ("fail", "permanent", (RunState.FAILED, "permanent"), 1),
        ("fail", "approval", (RunState.FAILED, "approval_required"), 1),
        ("fail", "setup", (RunState.FAILED, "credentials_rejected"), 1),
        ("fail", "unexpected", (RunState.FAILED, "unexpected"), 3),
        ("fail", "retryable", (RunState.FAILED, "unavailable"), 3),
        ("fail_once", "unexpected", (RunState.INTERRUPTED, "unexpected"), 1),
    ],
)
async def test_every_error_class_has_its_end(
    harness: AgentHarness, action: str, kind: str, end: tuple[RunState, str], attempts: int
) -> None:
    run = await harness.run(action, {"kind": kind})
    assert run.status.error is not None
    assert (run.status.state, run.status.error.code) == end
    assert "internal detail" not in run.status.model_dump_json()
    assert opsrail_sample.CALLS.count((action, run.id)) == attempts


async def test_a_setup_error_shows_until_something_works_again(harness: AgentHarness) -> None:
    await harness.run("fail", {"kind": "setup"})
    beat = await harness.orchestration.heartbeat("sample", "failing")
    assert beat.error == "the key is no good"
    await harness.run("echo", {"text": "x"})
    assert (await harness.orchestration.heartbeat("sample", "ready")).error is None


async def test_too_long_is_timed_out(harness: AgentHarness, tmp_path: Path) -> None:
    run = await harness.run("hurry", {"folder": str(tmp_path)})
    assert run.status.state is RunState.TIMED_OUT
    assert (tmp_path / "cancelled").exists()


async def test_cancel_reaches_the_holder(harness: AgentHarness, tmp_path: Path) -> None:
    command = harness.orchestration.command(harness.agent, "charge", {"folder": str(tmp_path)})
    await harness.orchestration.send(command)
    await wait_for(tmp_path / "started")
    await harness.orchestration.cancel(command)
    run = await harness.orchestration.finished(command.run_id)
    assert run.status.state is RunState.CANCELLED
    assert (tmp_path / "cancelled").exists()


async def test_cancel_before_the_claim_runs_nothing(harness: AgentHarness) -> None:
    command = harness.orchestration.command(harness.agent, "echo", {"text": "x"})
    await harness.orchestration.cancel(command)
    await harness.orchestration.send(command)
    assert (await harness.orchestration.finished(command.run_id)).status.state is RunState.CANCELLED
    assert ("echo", command.run_id) not in opsrail_sample.CALLS


async def test_a_run_cancelled_in_the_queue_is_not_run(harness: AgentHarness) -> None:
    command = harness.orchestration.command(harness.agent, "echo", {"text": "x"})
    status = RunStatus(run_id=command.run_id, org_id=harness.org, state=RunState.CANCELLED, at=utc_now())
    subject = subjects.run_status(harness.org, "sample", command.run_id)
    await harness.orchestration.bus.publish(subject, status.encode(), message_id="c", expect=0)
    await harness.orchestration.send(command)
    await no_commands_left(harness)
    assert ("echo", command.run_id) not in opsrail_sample.CALLS


async def take_over(harness: AgentHarness, run_id: str) -> None:
    """What a sibling does that believes the holder dead."""
    bus, subject = harness.orchestration.bus, subjects.run_status(harness.org, "sample", run_id)
    last = await bus.last(subjects.RUNS, subject)
    assert last is not None
    status = RunStatus(
        run_id=run_id, org_id=harness.org, state=RunState.RUNNING, attempt=2, at=utc_now(), instance="sibling"
    )
    await bus.publish(subject, status.encode(), message_id=uuid.uuid4().hex, expect=last.sequence)


async def test_a_holder_that_lost_the_fence_stops_and_says_nothing(nats_server: NatsServer, tmp_path: Path) -> None:
    settings = {"lease": timedelta(milliseconds=20)}
    async with AgentHarness(opsrail_sample.agent, nats_server.url, settings=settings) as harness:
        command = harness.orchestration.command(harness.agent, "hold", {"folder": str(tmp_path)})
        await harness.orchestration.send(command)
        await wait_for(tmp_path / "started")
        await take_over(harness, command.run_id)
        await wait_for(tmp_path / "cancelled")
        info = await harness.orchestration.bus.js.consumer_info(
            subjects.ACTIONS, subjects.actions_consumer(harness.org, "sample")
        )
        assert info.num_ack_pending == 1
        last = await harness.orchestration.bus.last(
            subjects.RUNS, subjects.run_status(harness.org, "sample", command.run_id)
        )
        assert last is not None
        assert RunStatus.model_validate_json(last.body).instance == "sibling"


async def test_secrets_of_a_connection_are_masked_everywhere(
    harness: AgentHarness, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = 's3cr3t/val+ue=with "quotes"'
    harness.orchestration.connections["vault"] = ConnectionSecret(
        id="1", kind="vault", name="vault", secrets={"token": secret}
    )
    told = [await harness.run("leak", {"text": text}) for text in ("return", "raise")]
    everything = "".join(part.model_dump_json() for run in told for part in (*run.statuses, *run.lines))
    assert told[0].status.output == {"text": "got ***"}
    assert told[1].status.error is not None
    assert told[1].status.error.message == "rejected ***"
    assert told[1].status.error.detail == {"token": "***"}
    assert all(line.text.startswith("form ") and "***" in line.text for line in told[0].lines)
    event = await harness.orchestration.bus.last(subjects.EVENTS, subjects.event(harness.org, "sample.leaked"))
    assert event is not None
    everything += event.body.decode()
    assert "***" in event.body.decode()
    assert "s3cr3t" not in everything
    assert "czNjcjN0" not in everything


async def test_a_run_waits_for_an_orchestrator_that_is_away(harness: AgentHarness) -> None:
    harness.orchestration.connections["vault"] = ConnectionSecret(
        id="1", kind="vault", name="vault", secrets={"token": "open sesame"}
    )
    await harness.orchestration.core_goes()
    running = asyncio.create_task(harness.run("leak", {"text": "return"}))
    await asyncio.wait({running}, timeout=1)
    await harness.orchestration.core_comes()
    run = await running
    assert run.status.state is RunState.SUCCEEDED
    assert run.status.attempt == 1


async def test_an_artifact_is_stored_and_announced(harness: AgentHarness) -> None:
    run = await harness.run("store", {"text": "payload"})
    (artifact,) = run.artifacts
    assert run.status.output == {"text": artifact.digest}
    chunks = harness.orchestration.bus.objects.read(subjects.artifacts_bucket(harness.org), artifact.object_name)
    assert b"".join([chunk async for chunk in chunks]) == b"payload"


async def test_a_server_restart_in_the_middle_of_a_run_costs_nothing(
    harness: AgentHarness, nats_server: NatsServer, tmp_path: Path
) -> None:
    command = harness.orchestration.command(harness.agent, "hold", {"folder": str(tmp_path)})
    await harness.orchestration.send(command)
    await wait_for(tmp_path / "started")
    await nats_server.stop(kill=True)
    (tmp_path / "release").touch()
    await wait_for(tmp_path / "done")
    await nats_server.start()
    run = await harness.orchestration.finished(command.run_id)
    assert run.status.state is RunState.SUCCEEDED
    assert (tmp_path / "started").read_text() == "1\n"
    assert (await harness.run("echo", {"text": "on"})).status.state is RunState.SUCCEEDED
