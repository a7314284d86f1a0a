"""Rate limits and the slow-down of guesses, with Redis and without."""

import httpx
import pytest
from redis.asyncio import Redis

from opsrail import ratelimit
from opsrail.auth.guesses import LONGEST_WAIT, Guesses, Subject
from opsrail.auth.login import FREE_TRIES
from opsrail.embedded.addresses import Endpoints
from opsrail.errors import TooMany
from opsrail.ratelimit import Counted, RateLimiter
from opsrail.settings import Settings
from opsrail.testing.orchestrator import Orchestrator
from opsrail.testing.people import PASSWORD, anonymous, join, log_in
from opsrail.testing.stack import PATIENCE_SECONDS


@pytest.fixture(params=["redis", "no redis"])
async def redis(request: pytest.FixtureRequest, endpoints: Endpoints) -> Redis:
    if request.param == "no redis":
        return Redis.from_url("redis://127.0.0.1:1")  # nobody listens there
    redis = Redis.from_url(endpoints.redis_url, socket_timeout=PATIENCE_SECONDS)
    await redis.flushdb()
    return redis


@pytest.fixture
def one_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """No window of the limits ends during the test."""
    monkeypatch.setattr(ratelimit, "WINDOW_SECONDS", 10**9)


@pytest.mark.usefixtures("one_window")
async def test_a_limit_is_told_and_kept(redis: Redis) -> None:
    limiter = RateLimiter(redis)
    counted = [Counted("address:a", 100), Counted("caller:b", 3)]
    verdicts = [await limiter.hit(counted) for _ in range(4)]
    assert [verdict.headers()["X-RateLimit-Remaining"] for verdict in verdicts] == ["2", "1", "0", "0"]
    assert [verdict.exceeded for verdict in verdicts] == [False, False, False, True]
    with pytest.raises(TooMany, match="3 requests in a minute for this caller") as raised:
        verdicts[-1].enforce()
    assert 1 <= int(raised.value.headers["Retry-After"]) <= ratelimit.WINDOW_SECONDS + 1
    assert not (await limiter.hit([Counted("caller:c", 3)])).exceeded
    await redis.aclose()


async def admit_until_refused(guesses: Guesses, subjects: list[Subject]) -> None:
    """Each wait that a slow machine lets pass makes the next one twice as long."""
    for _ in range(8):
        await guesses.admit(subjects)


async def test_guesses_are_slowed_down_more_and_more(redis: Redis) -> None:
    guesses = Guesses(redis)
    mine = [Subject("login", "a", 3), Subject("login-address", "x", 100)]
    for _ in range(4):
        await guesses.admit(mine)
    with pytest.raises(TooMany) as raised:
        await admit_until_refused(guesses, mine)
    assert raised.value.code == "slow_down"
    assert 1 <= int(raised.value.headers["Retry-After"]) <= LONGEST_WAIT
    await guesses.admit([Subject("login", "somebody else", 3)])
    await guesses.forget(mine)
    await guesses.admit(mine)
    await redis.aclose()


async def test_what_was_right_does_not_count_for_those_who_share_the_address(redis: Redis) -> None:
    guesses = Guesses(redis)
    address = [Subject("login-address", "office", 2)]
    for _ in range(10):
        await guesses.admit(address)
        await guesses.take_back(address)
    for _ in range(3):
        await guesses.admit(address)
    await guesses.take_back([Subject("login-address", "nobody", 2)])
    with pytest.raises(TooMany):
        await admit_until_refused(guesses, address)
    await redis.aclose()


async def test_the_wait_is_bounded(redis: Redis) -> None:
    guesses = Guesses(redis)
    subject = Subject("login", "a", -60)
    await guesses.admit([subject])
    with pytest.raises(TooMany) as raised:
        await guesses.admit([subject])
    assert LONGEST_WAIT / 2 <= int(raised.value.headers["Retry-After"]) <= LONGEST_WAIT
    await redis.aclose()


async def test_unknown_and_wrong_are_answered_alike(orchestrator: Orchestrator, client: httpx.AsyncClient) -> None:
    await join(client, "ada@example.com", "viewer")
    async with anonymous(orchestrator) as browser:
        wrong = (await log_in(browser, "ada@example.com", "not this one!")).json()
        unknown = (await log_in(browser, "eve@example.com", "not this one!")).json()
    for answer in (wrong, unknown):
        answer.pop("correlation_id")
    assert wrong == unknown


async def test_guessing_is_slowed_down_while_the_owner_gets_in_elsewhere(
    orchestrator: Orchestrator, client: httpx.AsyncClient
) -> None:
    await join(client, "ada@example.com", "viewer")
    redis = orchestrator.container.redis
    async with anonymous(orchestrator) as browser:
        for _ in range(FREE_TRIES):
            assert (await log_in(browser, "ada@example.com", "not this one!")).status_code == 401
        for key in await redis.keys("guess:login:*"):  # as if many more had followed: the next wait is the longest
            await redis.incrby(key, 20)
        assert (await log_in(browser, "ada@example.com", "not this one!")).status_code == 401
        refused = await log_in(browser, "ada@example.com", "not this one!")
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) >= 1
        assert (await log_in(browser, "ada@example.com")).status_code == 429
    elsewhere = httpx.ASGITransport(orchestrator.app, client=("192.0.2.7", 1))
    async with httpx.AsyncClient(transport=elsewhere, base_url="http://opsrail.test") as browser:
        assert (await log_in(browser, "ada@example.com", PASSWORD)).status_code == 200


async def test_wrong_tokens_are_slowed_down_and_right_ones_are_not(
    orchestrator: Orchestrator, client: httpx.AsyncClient
) -> None:
    wrong = {"Authorization": "Bearer opr_byqnoep5infytpxiofxd5hquja_l693MT6NTgX0NwoedJM2PuAlE-NgRV0YhsdMVQSMxlI"}
    async with anonymous(orchestrator) as browser:
        assert (await browser.get("/v1/me", headers=wrong)).status_code == 401
        answers = (await browser.get("/v1/me", headers=wrong) for _ in range(45))
        assert any([answer.status_code == 429 async for answer in answers])
    assert (await client.get("/v1/me")).status_code == 200


@pytest.fixture
def strict(settings: Settings) -> Settings:
    settings.auth.requests_per_organisation = 3
    return settings


@pytest.mark.usefixtures("one_window")
async def test_an_organisations_callers_share_its_limit(
    strict: Settings, orchestrator: Orchestrator, client: httpx.AsyncClient
) -> None:
    made = (await client.post("/v1/tokens", json={"name": "t", "scopes": ["read"]})).json()
    other = {"Authorization": f"Bearer {made['token']}"}
    assert (await client.get("/v1/me", headers=other)).headers["X-RateLimit-Limit"] == "3"
    assert (await client.get("/v1/me")).status_code == 200
    over = await client.get("/v1/me", headers=other)
    assert (over.status_code, over.json()["code"]) == (429, "rate_limited")
    assert "Retry-After" in over.headers
