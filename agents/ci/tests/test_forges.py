"""Commit statuses: one behaviour, every forge."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from opsrail_ci.adapters.base import CommitState, CommitStatus, Forge
from opsrail_ci.adapters.connect import from_connection
from opsrail_sdk.contracts.run import ConnectionSecret
from opsrail_sdk.errors import CredentialsRejected, NotFound, RateLimited, Unavailable
from tests.simulators.forge import ForgeSimulator
from tests.simulators.github import GitHubSimulator
from tests.simulators.gitlab import GitLabSimulator

WORDS = {
    "github": ["pending", "pending", "success", "failure", "error", "error"],
    "gitlab": ["pending", "running", "success", "failed", "failed", "canceled"],
}


@dataclass
class Bench:
    kind: str
    simulator: ForgeSimulator

    def forge(self, token: str | None = None) -> Forge:
        connection = ConnectionSecret(
            id="c1",
            kind=self.kind,
            name="forge",
            settings={"api_url": self.simulator.url},
            secrets={"token": token or self.simulator.token},
        )
        return from_connection(connection, trusted=True)


@pytest.fixture(params=["github", "gitlab"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    simulator: ForgeSimulator = GitHubSimulator() if request.param == "github" else GitLabSimulator()
    with simulator:
        yield Bench(request.param, simulator)


def status(state: CommitState = CommitState.SUCCESS, **more: Any) -> CommitStatus:
    given: dict[str, Any] = {
        "repository": "acme/shop",
        "commit": "c" * 40,
        "ref": "refs/heads/main",
        "state": state,
        "context": "opsrail/ci",
        "description": "x" * 1000,
        "target_url": "http://opsrail.example/runs/1",
    }
    return CommitStatus(**(given | more))


async def test_every_state_has_a_word(bench: Bench) -> None:
    forge = bench.forge()
    for number, state in enumerate(CommitState):
        await forge.set_status(status(state, commit=f"{number:040x}"))
    assert [entry["state"] for entry in bench.simulator.statuses] == WORDS[bench.kind]
    assert {entry["repository"] for entry in bench.simulator.statuses} == {"acme/shop"}
    assert {entry["target_url"] for entry in bench.simulator.statuses} == {"http://opsrail.example/runs/1"}


async def test_the_same_state_twice_is_no_error(bench: Bench) -> None:
    forge = bench.forge()
    await forge.set_status(status(CommitState.PENDING))
    await forge.set_status(status(CommitState.PENDING))
    assert {entry["state"] for entry in bench.simulator.statuses} == {"pending"}


async def test_a_hiccup_is_tried_again(bench: Bench) -> None:
    bench.simulator.failures.append(502)
    await bench.forge().set_status(status())
    assert len(bench.simulator.statuses) == 1


@pytest.mark.parametrize(
    ("codes", "error"),
    [([404], NotFound), ([429], RateLimited), ([500] * 3, Unavailable)],
)
async def test_their_errors_become_ours(bench: Bench, codes: list[int], error: type[Exception]) -> None:
    bench.simulator.failures.extend(codes)
    with pytest.raises(error):
        await bench.forge().set_status(status())


async def test_a_wrong_token_is_said_without_showing_it(bench: Bench) -> None:
    with pytest.raises(CredentialsRejected) as failure:
        await bench.forge("wrong-token").set_status(status())
    assert "wrong-token" not in str(failure.value)


async def test_without_a_token_the_forge_is_not_even_asked(bench: Bench) -> None:
    connection = ConnectionSecret(id="c1", kind=bench.kind, name="x", settings={"api_url": bench.simulator.url})
    with pytest.raises(CredentialsRejected, match="has no token"):
        await from_connection(connection, trusted=True).set_status(status())
    assert bench.simulator.statuses == []


@pytest.mark.parametrize("kind", ["github", "gitlab", "git"])
def test_only_the_connections_own_host_is_given_its_login(kind: str) -> None:
    connection = ConnectionSecret(
        id="c1", kind=kind, name="x", settings={"url": "https://git.example"}, secrets={"token": "t", "password": "p"}
    )
    assert from_connection(connection, trusted=True).login() is not None
    assert from_connection(connection, trusted=False).login() is None


async def test_a_clone_address_elsewhere_does_not_get_the_token(make_ctx: Callable[..., Any], bench: Bench) -> None:
    from opsrail_ci.adapters.connect import forge

    ctx = make_ctx()
    settings = {"api_url": bench.simulator.url}
    ctx.connections["c1"] = ConnectionSecret(
        id="c1", kind=bench.kind, name="x", settings=settings, secrets={"token": "t"}
    )
    assert (await forge(ctx, "c1", "http://127.0.0.1:1/acme/shop.git")).login() is not None
    assert (await forge(ctx, "c1", "https://evil.example/acme/shop.git")).login() is None
