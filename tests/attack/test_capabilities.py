"""Commands put on the bus with a capability that does not hold: nothing runs, and the audit trail says so.

Told by the agent's own process, whatever the bus let through: the attacker is given the orchestrator's own login.
"""

import asyncio
import base64
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import orjson
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import BaseModel

from opsrail_sdk import ActionContext, Agent, Risk, action, capability
from opsrail_sdk.bus import CAPABILITY_HEADER
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.run import ActionCommand, RunState
from opsrail_sdk.testing.harness import AgentHarness
from tests.attack.conftest import PATIENCE, Target

pytestmark = pytest.mark.asyncio(loop_scope="module")

Claims = dict[str, Any]


class Step(BaseModel):
    text: str


DONE: list[str] = []
HELD: dict[str, asyncio.Event] = {}


@action(risk=Risk.WRITE, idempotent=True, dry_run=True)
async def step(ctx: ActionContext[Any], input: Step) -> Step:
    """Do it."""
    DONE.append(ctx.run_id)
    return input


@action(risk=Risk.DESTRUCTIVE, idempotent=False)
async def charge(ctx: ActionContext[Any], input: Step) -> Step:
    """Do it once, for as long as the test wants."""
    DONE.append(ctx.run_id)
    ctx.line("begun")
    await HELD.setdefault(ctx.run_id, asyncio.Event()).wait()
    return input


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def victim(target: Target) -> AsyncIterator[AgentHarness]:
    """An agent at work in the organisation, which trusts the orchestrator's keys alone."""
    agent = Agent(
        id="victim",
        title="Victim",
        description="Does a step",
        version="1.0.0",
        owner="tests",
        module="victim",
        actions=(step, charge),
    )
    await target.sql(
        "INSERT INTO agents (org_id, id, manifest, module, version, runtime, enabled, state)"
        " VALUES (:org, 'victim', CAST(:manifest AS json), 'victim', '1.0.0', 'external', true, 'enabled')",
        org=target.org,
        manifest=orjson.dumps(agent.manifest.model_dump(mode="json")).decode(),
    )
    url = target.orchestrator.container.settings.nats.url.get_secret_value()
    async with AgentHarness(agent, url, org=target.org) as harness:
        (signing,) = target.orchestrator.container.signer._keys
        harness.orchestration.key, harness.orchestration.kid = signing.private, signing.kid
        await harness.orchestration.core_goes()
        await target.orchestrator.container.signer.refresh()
        run = await harness.run("step", {"text": "genuine"})
        assert run.status.state is RunState.SUCCEEDED, run.status
        yield harness


def command(victim: AgentHarness, **changed: Any) -> ActionCommand:
    return victim.orchestration.command(victim.agent, "step", {"text": "x"}).model_copy(update=changed)


def genuine(victim: AgentHarness, ordered: ActionCommand, **changed: Any) -> str:
    """Signed with the orchestrator's own key, for something else."""
    claims: dict[str, Any] = {
        "org_id": victim.org,
        "agent": "victim",
        "action": "step",
        "input": ordered.input,
        "run_id": ordered.run_id,
        "decision_id": str(uuid.uuid4()),
        "lifetime": timedelta(minutes=5),
    }
    return capability.mint(victim.orchestration.key, victim.orchestration.kid, **(claims | changed))


def resigned(victim: AgentHarness, ordered: ActionCommand, key: Any, algorithm: str, **header: Any) -> str:
    """The claims of a genuine one, signed by somebody else's means."""
    claims = jwt.decode(ordered.capability, options={"verify_signature": False})
    return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": victim.orchestration.kid, **header})


def altered(_: AgentHarness, ordered: ActionCommand) -> str:
    head, body, signature = ordered.capability.split(".")
    claims = orjson.loads(base64.urlsafe_b64decode(body + "=="))
    later = orjson.dumps({**claims, "exp": claims["exp"] + 86400})
    return f"{head}.{base64.urlsafe_b64encode(later).decode().rstrip('=')}.{signature}"


def hmac_with_the_public_key(victim: AgentHarness, ordered: ActionCommand) -> str:
    """The classic confusion: what everybody may read, taken for a shared secret."""
    public = victim.orchestration.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return resigned(victim, ordered, public.hex(), "HS256")


YESTERDAY = datetime.now(UTC) - timedelta(days=1)
ATTACKS: dict[str, tuple[str, Callable[[AgentHarness, ActionCommand], str]]] = {
    "none at all": ("malformed", lambda _v, _c: ""),
    "noise": ("malformed", lambda _v, _c: "a.b.c"),
    "forged": ("bad_signature", lambda v, c: resigned(v, c, Ed25519PrivateKey.generate(), "EdDSA")),
    "a key of its own": ("unknown_key", lambda v, c: resigned(v, c, Ed25519PrivateKey.generate(), "EdDSA", kid="me")),
    "altered": ("bad_signature", altered),
    "unsigned": ("malformed", lambda v, c: resigned(v, c, None, "none")),
    "another algorithm": ("malformed", hmac_with_the_public_key),
    "expired": ("expired", lambda v, c: genuine(v, c, now=YESTERDAY)),
    "from the future": ("not_yet_valid", lambda v, c: genuine(v, c, now=datetime.now(UTC) + timedelta(hours=1))),
    "for another agent": ("wrong_audience", lambda v, c: genuine(v, c, agent="cd")),
    "for another organisation": ("wrong_org", lambda v, c: genuine(v, c, org_id=str(uuid.uuid4()))),
    "for another run": ("wrong_run", lambda v, c: genuine(v, c, run_id=str(uuid.uuid4()))),
    "for another action": ("wrong_action", lambda v, c: genuine(v, c, action="look")),
    "for another input": ("wrong_input", lambda v, c: genuine(v, c, input={"text": "harmless"})),
    "for a dry run": ("wrong_mode", lambda v, c: genuine(v, c, dry_run=True)),
}


@pytest.mark.parametrize("name", ATTACKS)
async def test_a_capability_that_does_not_hold_runs_nothing_and_is_audited(
    target: Target, victim: AgentHarness, name: str
) -> None:
    code, forge = ATTACKS[name]
    ordered = command(victim)
    await victim.orchestration.send(ordered.model_copy(update={"capability": forge(victim, ordered)}))
    run = await victim.orchestration.finished(ordered.run_id)
    assert run.status.error is not None
    assert (run.status.state, run.status.error.code) == (RunState.FAILED, f"capability_{code}")
    assert ordered.run_id not in DONE
    await told(target, ordered.run_id, f"capability_{code}")


async def test_a_capability_is_good_for_one_execution(target: Target, victim: AgentHarness) -> None:
    """A recorded command sent again, byte for byte and under another message id, finds its run finished."""
    ordered = command(victim)
    await victim.orchestration.send(ordered)
    await victim.orchestration.finished(ordered.run_id)
    for n in range(3):
        await victim.orchestration.send(ordered, message_id=f"replayed {n} {ordered.run_id}")
    await victim.run("step", {"text": "later"})
    assert DONE.count(ordered.run_id) == 1
    await told(target, ordered.run_id, "capability_replayed")


async def test_many_replays_are_one_entry(target: Target, victim: AgentHarness) -> None:
    ordered = command(victim)
    await victim.orchestration.send(ordered)
    await victim.orchestration.finished(ordered.run_id)
    for n in range(20):
        await victim.orchestration.send(ordered, message_id=f"flood {n} {ordered.run_id}")
    marker = command(victim, capability="")
    await victim.orchestration.send(marker)
    await told(target, marker.run_id, "capability_malformed")
    await told(target, ordered.run_id, "capability_replayed")
    rows = await target.sql("SELECT id FROM audit_entries WHERE target = :run", run=f"run:{ordered.run_id}")
    assert len(rows) == 1


async def test_a_replay_does_not_disturb_a_run_under_way(target: Target, victim: AgentHarness) -> None:
    ordered = await begun(victim)
    await victim.orchestration.send(ordered, message_id=f"replayed {ordered.run_id}")
    await told(target, ordered.run_id, "capability_replayed")
    await ends_well(victim, ordered)


async def test_a_forgery_does_not_end_a_run_under_way(target: Target, victim: AgentHarness) -> None:
    ordered = await begun(victim)
    forgery = resigned(victim, ordered, Ed25519PrivateKey.generate(), "EdDSA")
    forged = ordered.model_copy(update={"capability": forgery})
    await victim.orchestration.send(forged, message_id=f"forged {ordered.run_id}")
    await told(target, ordered.run_id, "capability_bad_signature")
    await ends_well(victim, ordered)


async def test_a_forgery_for_a_finished_run_is_audited_too(target: Target, victim: AgentHarness) -> None:
    ordered = command(victim)
    await victim.orchestration.send(ordered)
    await victim.orchestration.finished(ordered.run_id)
    forgery = resigned(victim, ordered, Ed25519PrivateKey.generate(), "EdDSA")
    forged = ordered.model_copy(update={"capability": forgery})
    await victim.orchestration.send(forged, message_id=f"forged {ordered.run_id}")
    await told(target, ordered.run_id, "capability_bad_signature")
    assert (await victim.orchestration.finished(ordered.run_id)).status.state is RunState.SUCCEEDED


async def begun(victim: AgentHarness) -> ActionCommand:
    ordered = victim.orchestration.command(victim.agent, "charge", {"text": "x"})
    await victim.orchestration.send(ordered)
    await victim.orchestration.told(subjects.run_log(victim.org, "victim", ordered.run_id))
    return ordered


async def ends_well(victim: AgentHarness, ordered: ActionCommand) -> None:
    HELD[ordered.run_id].set()
    run = await victim.orchestration.finished(ordered.run_id)
    assert run.status.state is RunState.SUCCEEDED
    assert DONE.count(ordered.run_id) == 1


async def told(target: Target, run_id: str, code: str) -> None:
    entry = await target.entry("target = :run", run=f"run:{run_id}")
    assert (entry.verb, entry.actor, entry.outcome) == ("capability.refused", "agent:victim", "denied")
    assert entry.reason.startswith(f"{code}:")


async def test_a_recorded_capability_carries_no_other_command(target: Target, victim: AgentHarness) -> None:
    seen = command(victim)
    await victim.orchestration.send(seen)
    await victim.orchestration.finished(seen.run_id)
    stolen = command(victim, capability=seen.capability)
    await victim.orchestration.send(stolen)
    await victim.orchestration.finished(stolen.run_id)
    assert stolen.run_id not in DONE
    await told(target, stolen.run_id, "capability_wrong_run")


@pytest.mark.parametrize("token", ["", "a.b.c", "forged"])
async def test_the_orchestrator_opens_no_connection_for_it(target: Target, victim: AgentHarness, token: str) -> None:
    made = await target.root.post("/v1/connections", json={"kind": "github", "name": f"forge-{token}"})
    assert made.status_code == 201, made.text
    proof = resigned(victim, command(victim), Ed25519PrivateKey.generate(), "EdDSA") if token == "forged" else token
    wish = {"connection": made.json()["id"], "agent": "victim"}
    answer = await target.orchestrator.container.bus.nc.request(
        subjects.query(target.org, subjects.CORE_SERVICE, "connection"),
        orjson.dumps(wish),
        headers={CAPABILITY_HEADER: proof} if proof else None,
        timeout=PATIENCE.total_seconds(),
    )
    assert (answer.headers or {}).get("Nats-Service-Error-Code", "").startswith("capability_")
    entry = await target.entry(
        "verb = 'capability.refused' AND target = :which", which=f"connection:{wish['connection']}"
    )
    assert entry.outcome == "denied"
