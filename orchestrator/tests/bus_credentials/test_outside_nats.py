"""Agents at an outside NATS in operator mode: signed in, fenced in, renewed, expired, revoked."""

import asyncio
import base64
import sys
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import SecretStr

from opsrail.bus_credentials import keys, revocation
from opsrail.bus_credentials.models import BusCredential
from opsrail.bus_credentials.tokens import SigningKey
from opsrail.embedded.folder import DataFolder
from opsrail.embedded.outside_nats import SignedCredentials
from opsrail.settings import NatsSettings
from opsrail.testing.orchestrator import PATIENCE
from opsrail.testing.stack import PATIENCE_SECONDS
from opsrail_ci.agent import agent as ci
from opsrail_sdk.bus import Bus, consumer_config_for_actions, ensure_streams
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.access import access_of
from opsrail_sdk.contracts.run import AgentSpec
from opsrail_sdk.errors import Unavailable
from opsrail_sdk.login import Login, Refusal
from opsrail_sdk.pull import Pull
from opsrail_sdk.tasks import set_within, within

sys.path.insert(0, str(Path(__file__).parent))
from operator_mode import OperatorMode

ORG = str(uuid.UUID(int=1))
SPEC = AgentSpec(org_id=ORG, agent="ci", module="m", version="1", access=access_of(ci.manifest, ORG))


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[OperatorMode]:
    async with OperatorMode(tmp_path).running() as server:
        yield server


@pytest.fixture
async def platform(server: OperatorMode) -> AsyncIterator[Bus]:
    bus = await Bus.connect(
        server.url, name="platform", login=Login(server.credentials), patience=PATIENCE, answer=PATIENCE
    )
    await ensure_streams(bus.js, replicas=1)
    yield bus
    await bus.close()


@pytest.fixture
def server_key(tmp_path: Path) -> SigningKey:
    return SigningKey(OperatorMode(tmp_path).signing_seed)


def credentials_at(server: OperatorMode, lifetime: timedelta = timedelta(hours=1)) -> SignedCredentials:
    folder = DataFolder(server.folder / "data")
    signer = SigningKey(server.signing_seed, server.account)
    return SignedCredentials(folder, server.url, signer, lifetime=lifetime)


async def connect(credentials: SignedCredentials, patience: timedelta = PATIENCE) -> Bus:
    environment = credentials.environment(SPEC, 0)
    return await Bus.connect(
        environment["OPSRAIL_NATS_URL"],
        name="ci",
        inbox_prefix=subjects.inbox_prefix(ORG, "ci"),
        login=Login(Path(environment["OPSRAIL_NATS_CREDENTIALS"])),
        patience=patience,
        answer=PATIENCE,
    )


def public_key_in(file: Path) -> str:
    return keys.public_key(next(line for line in file.read_text().splitlines() if line.startswith("SU")))


async def test_an_agent_works_within_its_rights(server: OperatorMode, platform: Bus) -> None:
    consumer = consumer_config_for_actions(ci.manifest, ORG)
    assert consumer is not None
    await platform.js.add_consumer(subjects.ACTIONS, consumer)
    credentials = credentials_at(server)
    await credentials.admit([SPEC])
    agent = await connect(credentials)
    refused: asyncio.Queue[Refusal] = asyncio.Queue()
    agent.refused.add(refused.put)
    await agent.kv.put(subjects.HEARTBEATS_BUCKET, subjects.heartbeat_key(ORG, "ci", "i"), b"beat")
    await platform.publish(subjects.action(ORG, "ci", "run_pipeline"), b"command")
    pull = Pull(agent, subjects.ACTIONS, subjects.actions_consumer(ORG, "ci"))
    message = await within(PATIENCE, pull.next())
    await message.ack_sync(timeout=PATIENCE_SECONDS)
    await pull.close()
    assert refused.empty()
    await agent.nc.publish(subjects.action(ORG, "ci", "run_pipeline"), b"forged")
    assert (await within(PATIENCE, refused.get())).operation == "publish"
    await agent.close()


async def test_a_renewed_file_is_taken_up_and_an_expired_one_locks_out(server: OperatorMode, platform: Bus) -> None:
    credentials = credentials_at(server)
    await credentials.admit([SPEC])
    agent = await connect(credentials)
    back = asyncio.Event()

    async def note() -> None:
        back.set()

    agent.reconnected.add(note)
    file = Path(credentials.environment(SPEC, 0)["OPSRAIL_NATS_CREDENTIALS"])
    before = file.read_text()
    await asyncio.sleep(1)  # a JWT counts in whole seconds
    credentials.renew()
    assert file.read_text() != before
    await agent.nc.force_reconnect()
    assert await set_within(PATIENCE, back)
    assert not agent.locked_out.is_set()
    short = credentials_at(server, timedelta(seconds=2))
    await short.admit([SPEC])
    await agent.nc.force_reconnect()
    assert await set_within(PATIENCE, agent.locked_out)
    await agent.close()


async def test_a_revoked_credential_is_cut_off_at_once(
    server: OperatorMode, platform: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revocation, "PATIENCE", PATIENCE)
    credentials = credentials_at(server)
    await credentials.admit([SPEC])
    agent = await connect(credentials)
    file = Path(credentials.environment(SPEC, 0)["OPSRAIL_NATS_CREDENTIALS"])
    row = BusCredential(
        id=uuid.uuid4(),
        org_id=uuid.UUID(ORG),
        agent="ci",
        public_key=public_key_in(file),
        kind="jwt",
        created_by="t",
        created_at=datetime.now(UTC),
        expires_at=None,
    )
    settings = NatsSettings(
        url=SecretStr(server.url),
        signing_seed=SecretStr(server.signing_seed),
        account=server.account,
        operator_seed=SecretStr(server.operator_seed),
        system_credentials=server.system_credentials,
    )
    without_operator = settings.model_copy(update={"operator_seed": None})
    assert not await revocation.announce(without_operator, [row])
    assert await revocation.announce(settings, [row])
    assert await set_within(PATIENCE, agent.locked_out)
    assert platform.nc.is_connected
    said = ""
    for _ in range(20):  # an answer that comes too late says nothing
        with pytest.raises(Unavailable) as refused:
            await connect(credentials, timedelta(seconds=3))
        said = str(refused.value).lower()
        if "authorization" in said:
            break
    assert "authorization violation" in said
    await agent.close()


def test_rights_that_are_too_long_name_events_by_their_common_beginning(server_key: SigningKey) -> None:
    def jwt_of(count: int) -> dict[str, Any]:
        emits = tuple(f"dev.cdevents.pipelinerun.variant{number}.0.3.0" for number in range(count))
        access = access_of(ci.manifest.model_copy(update={"emits": emits}), ORG)
        jwt = server_key.user(keys.public_key(keys.new_seed()), "ci", access, expires=None)
        body = jwt.split(".")[1]
        claims: dict[str, Any] = orjson.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return claims

    allowed = [jwt_of(count)["nats"]["pub"]["allow"] for count in (2, 60)]
    events = [[subject for subject in subjects_ if ".event." in subject] for subjects_ in allowed]
    assert events == [
        [
            f"opsrail.{ORG}.event.dev.cdevents.pipelinerun.variant0.0.3.0",
            f"opsrail.{ORG}.event.dev.cdevents.pipelinerun.variant1.0.3.0",
            f"opsrail.{ORG}.event.{subjects.GIVEN_UP}",
        ],
        [f"opsrail.{ORG}.event.>"],
    ]


async def test_who_is_not_admitted_loses_the_file(server: OperatorMode) -> None:
    credentials = credentials_at(server)
    await credentials.admit([SPEC])
    file = Path(credentials.environment(SPEC, 0)["OPSRAIL_NATS_CREDENTIALS"])
    assert file.stat().st_mode & 0o777 == 0o600
    await credentials.admit([])
    assert not file.exists()


@pytest.mark.parametrize(("seed", "account"), [("SUAB", None), ("nonsense", None)])
def test_a_seed_that_is_none_is_named(seed: str, account: str | None) -> None:
    with pytest.raises(ValueError, match="OPSRAIL_NATS_SIGNING_SEED"):
        SigningKey(seed, account)
