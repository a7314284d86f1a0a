"""Pushes and proposed changes of both forges become the same facts."""

from typing import Any

import orjson
import pytest

from opsrail.hooks.normalisers.git import MAX_COMMITS, MAX_PATHS

from .conftest import Normalise

A, B, ZERO = "a" * 40, "b" * 40, "0" * 40
COMMIT = {"id": B, "message": "feat: rails", "added": ["a.py"], "modified": ["b.py"], "removed": []}
GITHUB_REPOSITORY = {
    "full_name": "acme/shop",
    "html_url": "https://github.test/acme/shop",
    "clone_url": "https://github.test/acme/shop.git",
    "default_branch": "main",
    "pushed_at": 1763700000,
}
GITLAB_PROJECT = {
    "path_with_namespace": "acme/shop",
    "web_url": "https://gitlab.test/acme/shop",
    "git_http_url": "https://gitlab.test/acme/shop.git",
    "default_branch": "main",
}


def push_of(kind: str, ref: str, before: str, after: str, commits: list[dict[str, Any]]) -> dict[str, Any]:
    if kind == "github":
        return {
            "ref": ref, "before": before, "after": after, "commits": commits, "repository": GITHUB_REPOSITORY,
            "created": before == ZERO, "deleted": after == ZERO, "forced": False, "pusher": {"name": "ada"},
            "head_commit": commits[-1] if commits else None,
        }  # fmt: skip
    return {
        "object_kind": "tag_push" if ref.startswith("refs/tags/") else "push", "ref": ref, "before": before,
        "after": after, "checkout_sha": None if after == ZERO else after, "commits": commits,
        "project": GITLAB_PROJECT, "user_username": "ada",
    }  # fmt: skip


@pytest.fixture(params=["github", "gitlab"])
def forge(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_push_to_a_branch(normalised: Normalise, forge: str) -> None:
    found = normalised(forge, push_of(forge, "refs/heads/main", A, B, [COMMIT]), x_github_event="push")
    (event,) = found.events
    assert event["type"] == "dev.cdevents.change.merged.0.3.0"
    assert event["subject"] == B
    assert event["data"]["subject"]["content"]["repository"]["id"] == "acme/shop"
    assert event["data"]["customData"]["push"] == {
        "ref": "refs/heads/main",
        "branch": "main",
        "before": A,
        "after": B,
        "default_branch": "main",
        "repository": "acme/shop",
        "clone_url": f"https://{forge}.test/acme/shop.git",
        "web_url": f"https://{forge}.test/acme/shop",
        "pusher": "ada",
        "message": "feat: rails",
        "commits": [COMMIT],
        "truncated": False,
        "forced": False,
        "created": False,
        "deleted": False,
    }


def test_new_branch_is_created_and_built(normalised: Normalise, forge: str) -> None:
    found = normalised(forge, push_of(forge, "refs/heads/feat/x", ZERO, B, [COMMIT]), x_github_event="push")
    assert [event["type"] for event in found.events] == [
        "dev.cdevents.branch.created.0.3.0",
        "dev.cdevents.change.merged.0.3.0",
    ]
    assert found.events[0]["subject"] == "feat/x"
    assert found.events[0]["id"] != found.events[1]["id"]


def test_deleted_branch_is_not_built(normalised: Normalise, forge: str) -> None:
    found = normalised(forge, push_of(forge, "refs/heads/old", A, ZERO, []), x_github_event="push")
    assert [event["type"] for event in found.events] == ["dev.cdevents.branch.deleted.0.3.0"]


@pytest.mark.parametrize(("before", "after", "verb"), [(ZERO, B, "created"), (A, ZERO, "deleted")])
def test_tags(normalised: Normalise, forge: str, before: str, after: str, verb: str) -> None:
    (event,) = normalised(forge, push_of(forge, "refs/tags/v1.2", before, after, []), x_github_event="push").events
    assert event["type"] == f"io.opsrail.tag.{verb}.v1"
    assert event["subject"] == "v1.2"
    assert event["data"]["push"]["after"] == after
    assert event["data"]["push"]["branch"] is None


def test_large_pushes_are_bounded_and_say_so(normalised: Normalise, forge: str) -> None:
    commits = [
        {"id": f"{n:040x}", "message": "m", "added": [f"f{n}-{i}" for i in range(30)], "modified": [], "removed": []}
        for n in range(MAX_COMMITS + 50)
    ]
    payload = push_of(forge, "refs/heads/main", A, commits[-1]["id"], commits)
    block = normalised(forge, payload, x_github_event="push").events[0]["data"]["customData"]["push"]
    assert block["truncated"] is True
    assert len(block["commits"]) == MAX_COMMITS
    assert block["commits"][-1]["id"] == commits[-1]["id"]
    assert sum(len(commit["added"]) for commit in block["commits"]) == MAX_PATHS


def test_a_push_of_many_mebibytes_becomes_a_small_event(normalised: Normalise, forge: str) -> None:
    paths = [f"services/{'x' * 100}/{number}.py" for number in range(20)]
    payload = push_of(
        forge, "refs/heads/main", A, B, [{**COMMIT, "message": "m" * 1000, "modified": paths} for _ in range(2048)]
    )
    assert len(orjson.dumps(payload)) > 4 << 20
    (event,) = normalised(forge, payload, x_github_event="push").events
    assert len(orjson.dumps(event)) < 1 << 20


def pull_of(forge: str, action: str, *, merged: bool = False, fork: bool = False) -> dict[str, Any]:
    if forge == "github":
        head = {"full_name": "eve/shop" if fork else "acme/shop", "clone_url": "https://github.test/eve/shop.git"}
        return {
            "action": action, "repository": GITHUB_REPOSITORY,
            "pull_request": {
                "number": 7, "title": "Rails", "merged": merged, "user": {"login": "ada"},
                "head": {"sha": B, "ref": "feat", "repo": head}, "base": {"sha": A, "ref": "main"},
                "html_url": "https://github.test/acme/shop/pull/7",
            },
        }  # fmt: skip
    verbs = {"opened": "open", "synchronize": "update", "closed": "merge" if merged else "close"}
    return {
        "object_kind": "merge_request", "project": GITLAB_PROJECT, "user": {"username": "ada"},
        "object_attributes": {
            "iid": 7, "title": "Rails", "action": verbs[action], "source_branch": "feat", "target_branch": "main",
            "source_project_id": 2 if fork else 1, "target_project_id": 1, "last_commit": {"id": B},
            "state": "merged" if merged else "opened",
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("action", "merged", "name"),
    [
        ("opened", False, "change.created.0.4.0"),
        ("synchronize", False, "change.updated.0.3.0"),
        ("closed", True, "change.merged.0.3.0"),
        ("closed", False, "change.abandoned.0.3.0"),
    ],
)
def test_proposed_changes(normalised: Normalise, forge: str, action: str, merged: bool, name: str) -> None:
    (event,) = normalised(forge, pull_of(forge, action, merged=merged), x_github_event="pull_request").events
    assert event["type"] == f"dev.cdevents.{name}"
    assert event["subject"] == "7"
    block = event["data"]["customData"]["pull_request"]
    assert (block["head_sha"], block["head_ref"], block["base_ref"], block["author"]) == (B, "feat", "main", "ada")
    assert block["merged"] is merged
    assert "push" not in event["data"]["customData"]


def test_a_fork_is_told(normalised: Normalise, forge: str) -> None:
    def fork(payload: dict[str, Any]) -> bool:
        (event,) = normalised(forge, payload, x_github_event="pull_request").events
        return bool(event["data"]["customData"]["pull_request"]["from_fork"])

    assert fork(pull_of(forge, "opened", fork=True))
    assert not fork(pull_of(forge, "opened"))


def test_deleted_fork_counts_as_fork(normalised: Normalise) -> None:
    payload = pull_of("github", "closed", fork=True)
    payload["pull_request"]["head"]["repo"] = None
    (event,) = normalised("github", payload, x_github_event="pull_request").events
    assert event["data"]["customData"]["pull_request"]["from_fork"] is True
