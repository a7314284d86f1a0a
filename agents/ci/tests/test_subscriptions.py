"""Which events ask for a pipeline, and how."""

from typing import Any

import pytest
import structlog

from opsrail_ci.settings import CiConfig
from opsrail_ci.subscriptions.pull_request import pull_request
from opsrail_ci.subscriptions.push import push
from opsrail_sdk.contracts.cdevents import cdevent
from opsrail_sdk.contracts.cloudevent import CloudEvent

COMMIT = "c" * 40


class Listening:
    """An event context that notes what is asked for."""

    def __init__(self, **config: Any) -> None:
        self.config = CiConfig(**config)
        self.log = structlog.get_logger()
        self.asked: list[tuple[str, Any, dict[str, Any]]] = []

    async def request(self, action: str, input: Any, **more: Any) -> None:
        self.asked.append((action, input, more))


def pushed(**more: Any) -> CloudEvent:
    block = {
        "ref": "refs/heads/feature/login",
        "before": "b" * 40,
        "after": COMMIT,
        "default_branch": "main",
        "repository": "acme/shop",
        "clone_url": "https://forge.example/acme/shop.git",
        "web_url": "https://forge.example/acme/shop",
        "message": "feat: login",
        "commits": [{"id": COMMIT, "added": ["b"], "modified": ["a"], "removed": []}],
        "deleted": False,
        **more,
    }
    if block["ref"].startswith("refs/tags/"):
        return CloudEvent(
            id="e1", source="/x", type="io.opsrail.tag.created.v1", data={"push": block}, connectionid="c1"
        )
    event = cdevent(
        "change.merged",
        id="e1",
        source="https://forge.example/acme/shop",
        subject_id=COMMIT,
        content={"repository": {"id": "acme/shop"}},
        time=CloudEvent(id="t", source="t", type="t").time,
        custom_data={"push": block},
    )
    return event.stamped(connectionid="c1")


def requested(**more: Any) -> CloudEvent:
    block = {
        "number": 7,
        "repository": "acme/shop",
        "head_sha": COMMIT,
        "head_ref": "login",
        "base_sha": "b" * 40,
        "base_ref": "main",
        "from_fork": False,
        "clone_url": "https://forge.example/acme/shop.git",
        **more,
    }
    data = {"customData": {"pull_request": block}}
    return CloudEvent(id="e2", source="/x", type="dev.cdevents.change.created.0.4.0", data=data, connectionid="c1")


async def test_a_push_asks_for_its_pipeline() -> None:
    ctx: Any = Listening()
    await push(ctx, pushed())
    action, given, more = ctx.asked[0]
    assert action == "ci.run_pipeline"
    assert (given["commit"], given["event"], given["before"], given["changed_paths"]) == (
        COMMIT,
        "push",
        "b" * 40,
        ["a", "b"],
    )
    assert (given["connection_id"], given["cause"]) == ("c1", "e1")
    assert more == {"concurrency_group": "c1/acme/shop/refs/heads/feature/login"}


@pytest.mark.parametrize("ref", ["refs/heads/main", "refs/tags/v1.0.0"])
async def test_the_default_branch_and_tags_are_never_superseded(ref: str) -> None:
    ctx: Any = Listening()
    await push(ctx, pushed(ref=ref))
    assert ctx.asked[0][2] == {"concurrency_group": None}


@pytest.mark.parametrize(
    ("config", "block"),
    [
        ({}, {"deleted": True}),
        ({}, {"after": "0" * 40}),
        ({}, {"message": "docs: typo [skip ci]"}),
        ({"repositories": ["acme/other"]}, {}),
    ],
)
async def test_what_starts_nothing(config: dict[str, Any], block: dict[str, Any]) -> None:
    ctx: Any = Listening(**config)
    await push(ctx, pushed(**block))
    assert ctx.asked == []


async def test_a_new_branch_and_a_cut_list_leave_the_changed_paths_open() -> None:
    ctx: Any = Listening()
    await push(ctx, pushed(before="0" * 40, truncated=True))
    assert (ctx.asked[0][1]["before"], ctx.asked[0][1]["changed_paths"]) == (None, None)


async def test_other_changes_are_left_alone() -> None:
    ctx: Any = Listening()
    await push(ctx, CloudEvent(id="e", source="/x", type="dev.cdevents.change.merged.0.3.0", data={"customData": {}}))
    await push(ctx, CloudEvent(id="e", source="/x", type="dev.cdevents.change.merged.0.3.0", data="text"))
    await pull_request(ctx, CloudEvent(id="e", source="/x", type="dev.cdevents.change.created.0.4.0", data=None))
    assert ctx.asked == []


async def test_pull_requests_run_once_per_head_and_forks_only_where_wanted() -> None:
    ctx: Any = Listening()
    await pull_request(ctx, requested())
    await pull_request(ctx, requested(from_fork=True))
    assert len(ctx.asked) == 1
    _, given, more = ctx.asked[0]
    assert (given["event"], given["target_branch"], given["from_fork"]) == ("pull_request", "main", False)
    assert more == {"concurrency_group": "c1/acme/shop/pull/7", "key": f"c1/acme/shop/pull/7/{COMMIT}"}

    everyone: Any = Listening(pull_requests="all")
    await pull_request(everyone, requested(from_fork=True))
    assert everyone.asked[0][1]["from_fork"] is True
    nobody: Any = Listening(pull_requests="none")
    await pull_request(nobody, requested())
    assert nobody.asked == []
