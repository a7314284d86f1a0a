import asyncio
from datetime import timedelta

import orjson
import pytest
from sqlalchemy import text

from opsrail.signing import Signer
from opsrail.testing.orchestrator import Orchestrator
from opsrail_sdk.capability import parse_jwks, verify
from opsrail_sdk.contracts import subjects

ORDER = {"org_id": "o", "agent": "ci", "action": "build", "input": {"a": 1}, "run_id": "r"}


def mint(signer: Signer) -> str:
    return signer.mint(
        org_id="o",
        agent="ci",
        action="build",
        input={"a": 1},
        run_id="r",
        decision_id="d",
        lifetime=timedelta(minutes=1),
    )


async def published(orchestrator: Orchestrator) -> bytes:
    entry = await orchestrator.container.bus.kv.get(subjects.TRUST_BUCKET, "jwks")
    assert entry is not None
    return entry.value


async def test_replicas_that_start_together_share_one_key(orchestrator: Orchestrator) -> None:
    container = orchestrator.container
    async with container.database.across() as session:
        await session.execute(text("DELETE FROM signing_keys"))
    signers = [Signer(container.database, container.sealer, container.bus) for _ in range(4)]
    await asyncio.gather(*(signer.refresh() for signer in signers))
    assert len({frozenset(signer.keys()) for signer in signers}) == 1
    keys = parse_jwks(await published(orchestrator))
    for signer in signers:
        assert verify(mint(signer), keys=keys, **ORDER).decision_id == "d"  # type: ignore[arg-type]


async def test_tokens_of_before_and_after_a_rotation_hold(orchestrator: Orchestrator) -> None:
    signer = orchestrator.container.signer
    before = mint(signer)
    kid = await signer.rotate()
    keys = parse_jwks(await published(orchestrator))
    assert kid in keys
    assert len(keys) == 2
    verify(before, keys=keys, **ORDER)  # type: ignore[arg-type]
    verify(mint(signer), keys=keys, **ORDER)  # type: ignore[arg-type]
    async with orchestrator.container.database.across() as session:
        await session.execute(text("UPDATE signing_keys SET created_at = created_at - interval '1 hour'"))
        await session.execute(text("UPDATE signing_keys SET retired_at = now() WHERE retired_at IS NOT NULL"))
    await signer.refresh()
    assert list(parse_jwks(await published(orchestrator))) == [kid]


async def test_private_keys_are_sealed_and_never_published(orchestrator: Orchestrator) -> None:
    assert all("d" not in key for key in orjson.loads(await published(orchestrator))["keys"])
    other = Signer(
        orchestrator.container.database, type(orchestrator.container.sealer)(b"\1" * 32), orchestrator.container.bus
    )
    with pytest.raises(Exception, match="another key"):
        await other.refresh()
