"""Who gets which secret."""

from collections.abc import Callable
from typing import Any

import pytest

from opsrail_ci.pipeline.model import Event, Step
from opsrail_ci.secrets import Granted, for_step, grant
from opsrail_sdk.contracts.run import ConnectionSecret
from opsrail_sdk.errors import InvalidInput, NotFound


@pytest.fixture
def ctx(make_ctx: Callable[..., Any]) -> Any:
    declared = {"name": "TOKEN", "connection": "npm", "repositories": ["acme/*"]}
    made = make_ctx(secrets=[declared, {**declared, "name": "LOST", "key": "none"}])
    made.connections["npm"] = ConnectionSecret(id="n", kind="secret", name="npm", secrets={"value": "s3cret-value"})
    return made


async def granted(ctx: Any, *names: str, **more: Any) -> dict[str, Granted]:
    given: dict[str, Any] = {"repository": "acme/shop", "event": Event.PUSH, "from_fork": False}
    return await grant(ctx, names, **(given | more))


async def test_a_declared_secret_is_given_and_masked(ctx: Any) -> None:
    assert (await granted(ctx, "TOKEN"))["TOKEN"].value == "s3cret-value"
    ctx.line("it is s3cret-value")
    assert ctx.text == "it is ***"


@pytest.mark.parametrize(
    ("names", "more", "reason"),
    [
        (["OTHER"], {}, "declared no secret"),
        (["TOKEN"], {"repository": "evil/shop"}, "not for evil/shop"),
    ],
)
async def test_what_is_not_declared_for_the_repository_is_refused(
    ctx: Any, names: list[str], more: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InvalidInput, match=reason) as failure:
        await granted(ctx, *names, **more)
    assert failure.value.code == "secret_refused"


async def test_pull_requests_do_without_and_the_log_says_so(ctx: Any) -> None:
    assert await granted(ctx, "TOKEN", event=Event.PULL_REQUEST) == {}
    assert await granted(ctx, "TOKEN", event=Event.PULL_REQUEST, from_fork=True) == {}
    assert "secret TOKEN is left out: a pull request from a fork gets no secrets" in ctx.text


async def test_an_empty_connection_is_an_error(ctx: Any) -> None:
    with pytest.raises(NotFound, match="holds no secret called none"):
        await granted(ctx, "LOST")


def test_a_secret_bound_to_images_goes_nowhere_else() -> None:
    secrets = {"TOKEN": Granted("v", ("node:*",))}
    step = Step(name="a", run="x", secrets={"NPM": "TOKEN"})
    assert for_step(step, secrets) == {}
    assert for_step(step.model_copy(update={"image": "node:22"}), secrets) == {"NPM": "v"}
    assert for_step(step.model_copy(update={"image": "evil/node:22"}), secrets) == {}
