from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest
from nats.aio.msg import Msg

from opsrail.testing.orchestrator import PATIENCE, Orchestrator
from opsrail.testing.servers import RunningServers
from opsrail_sdk.bus import CAPABILITY_HEADER, CORRELATION_HEADER
from opsrail_sdk.capability import verify
from opsrail_sdk.contracts import subjects

from .conftest import manifest

ASK = "/v1/agents/sample/queries/echo"


class Answering:
    """The agent's side of the query: counts, and answers as told."""

    def __init__(self) -> None:
        self.asked: list[Msg] = []
        self.headers: dict[str, str] = {}
        self.silent = False

    async def answer(self, message: Msg) -> None:
        self.asked.append(message)
        if not self.silent:
            await message._client.publish(message.reply, message.data, headers=self.headers)


async def installed(client: httpx.AsyncClient, **changes: Any) -> None:
    """With a query that may take long, unless ``changes`` say otherwise."""
    spec = manifest().query("echo")
    assert spec is not None
    changes = {"timeout": PATIENCE} | changes
    document = manifest(queries=(spec.model_copy(update=changes),)).model_dump(mode="json")
    answer = await client.post("/v1/agents", json={"runtime": "external", "manifest": document})
    assert answer.status_code == 201, answer.text
    await client.post("/v1/agents/sample/enable")


@pytest.fixture
async def agent(orchestrator: Orchestrator) -> AsyncIterator[Answering]:
    answering = Answering()
    bus = orchestrator.container.bus
    subscription = await bus.nc.subscribe(
        subjects.query(str(orchestrator.org_id), "sample", "echo"), cb=answering.answer
    )
    yield answering
    await subscription.unsubscribe()


async def test_the_agent_is_asked_with_proof_and_correlation(
    client: httpx.AsyncClient, orchestrator: Orchestrator, agent: Answering
) -> None:
    await installed(client)
    answer = await client.post(ASK, json={"input": {"text": "x"}}, headers={"X-Correlation-ID": "abc"})
    assert answer.json() == {"output": {"text": "x"}, "cached": False, "age_seconds": 0}
    headers = agent.asked[0].headers or {}
    assert headers[CORRELATION_HEADER] == "abc"
    claims = verify(
        headers[CAPABILITY_HEADER],
        keys=orchestrator.container.signer.keys(),
        org_id=str(orchestrator.org_id),
        agent="sample",
        action="echo",
        input={"text": "x"},
        run_id="query",
    )
    assert claims.expires_at - claims.issued_at == PATIENCE + timedelta(seconds=5)


async def test_answers_are_remembered_for_their_time(client: httpx.AsyncClient, agent: Answering) -> None:
    await installed(client, cache=timedelta(hours=1))
    answers = [(await client.post(ASK, json={"input": {"text": "x"}})).json() for _ in range(3)]
    assert [answer["cached"] for answer in answers] == [False, True, True]
    assert answers[0]["output"] == answers[2]["output"]
    await client.post(ASK, json={"input": {"text": "y"}})
    await client.put("/v1/agents/sample/config", json={"config": {"times": 2}})
    await client.post(ASK, json={"input": {"text": "x"}})
    assert len(agent.asked) == 3


async def test_works_without_redis(client: httpx.AsyncClient, agent: Answering, servers: RunningServers) -> None:
    await installed(client, cache=timedelta(hours=1))
    servers.stop("valkey")
    try:
        answers = [await client.post(ASK, json={"input": {"text": "x"}}) for _ in range(2)]
    finally:
        servers.start("valkey")
    assert [answer.status_code for answer in answers] == [200, 200]
    assert len(agent.asked) == 2


@pytest.mark.parametrize(
    ("told", "status", "code"),
    [
        ("invalid_input", 422, "invalid_input"),
        ("credentials_rejected", 502, "credentials_rejected"),
        ("odd", 502, "odd"),
    ],
)
async def test_the_agents_errors_are_told_apart(
    client: httpx.AsyncClient, agent: Answering, told: str, status: int, code: str
) -> None:
    await installed(client)
    agent.headers = {"Nats-Service-Error": "because", "Nats-Service-Error-Code": told}
    answer = await client.post(ASK, json={"input": {"text": "x"}})
    assert (answer.status_code, answer.json()["code"], answer.json()["detail"]) == (status, code, "because")


async def test_nobody_there(client: httpx.AsyncClient) -> None:
    await installed(client)
    absent = await client.post(ASK, json={"input": {"text": "x"}})
    assert (absent.status_code, absent.json()["code"]) == (503, "agent_unavailable")


async def test_nobody_in_time(client: httpx.AsyncClient, orchestrator: Orchestrator) -> None:
    await installed(client, timeout=timedelta(seconds=0.2))
    answering = Answering()
    answering.silent = True
    bus = orchestrator.container.bus
    subscription = await bus.nc.subscribe(
        subjects.query(str(orchestrator.org_id), "sample", "echo"), cb=answering.answer
    )
    late = await client.post(ASK, json={"input": {"text": "x"}})
    await subscription.unsubscribe()
    assert (late.status_code, late.json()["code"]) == (504, "query_timeout")


async def test_bad_input_never_reaches_the_agent(client: httpx.AsyncClient, agent: Answering) -> None:
    await installed(client)
    wrong = await client.post(ASK, json={"input": {"text": 5}})
    assert (wrong.status_code, wrong.json()["errors"]) == (
        422,
        [{"field": "input.text", "message": "must be of type string"}],
    )
    missing = await client.post(ASK, json={"input": {}})
    assert missing.json()["errors"] == [{"field": "input.text", "message": "is missing"}]
    assert (await client.post("/v1/agents/sample/queries/nosuch", json={})).status_code == 404
    await client.post("/v1/agents/sample/disable")
    disabled = await client.post(ASK, json={"input": {"text": "x"}})
    assert (disabled.status_code, disabled.json()["code"]) == (409, "agent_disabled")
    assert agent.asked == []


async def test_core_opens_a_connection_for_the_bearer_of_a_token_alone(
    client: httpx.AsyncClient, orchestrator: Orchestrator, agent: Answering
) -> None:
    await installed(client)
    for kind, name in (("prometheus", "metrics"), ("aws", "account")):
        settings = {"url": "http://127.0.0.1:9090"} if kind == "prometheus" else {}
        secrets = {"token": "s3cret"} if kind == "prometheus" else {}
        made = await client.post(
            "/v1/connections", json={"kind": kind, "name": name, "settings": settings, "secrets": secrets}
        )
        assert made.status_code == 201
    await client.post(ASK, json={"input": {"text": "x"}})
    token = (agent.asked[0].headers or {})[CAPABILITY_HEADER]

    async def core(wanted: str, capability: str, who: str = "sample") -> tuple[str | None, dict[str, Any]]:
        reply = await orchestrator.container.bus.nc.request(
            subjects.query(str(orchestrator.org_id), "core", "connection"),
            orjson.dumps({"connection": wanted, "agent": who}),
            headers={CAPABILITY_HEADER: capability} if capability else None,
            timeout=PATIENCE.total_seconds(),
        )
        code = (reply.headers or {}).get("Nats-Service-Error-Code")
        return code, orjson.loads(reply.data or b"{}")

    code, opened = await core("metrics", token)
    assert code is None
    assert (opened["kind"], opened["secrets"]) == ("prometheus", {"token": "s3cret"})
    assert (await core("account", token))[0] == "kind_not_listed"
    assert (await core("nosuch", token))[0] == "not_found"
    assert (await core("metrics", ""))[0] == "capability_malformed"
    assert (await core("metrics", token[:-8] + "AAAAAAAA"))[0] == "capability_bad_signature"
    assert (await core("metrics", token, who="other"))[0] == "capability_wrong_audience"
    await client.post("/v1/agents/sample/disable")
    assert (await core("metrics", token))[0] == "agent_not_enabled"
