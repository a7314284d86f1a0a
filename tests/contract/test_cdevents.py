"""CI facts that we make are valid CDEvents 0.5.1, by the published schemas and on payloads that others recorded."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

from opsrail.hooks.delivery import Delivery
from opsrail.hooks.normalisers import normalise
from opsrail_sdk.contracts.cdevents import PREFIX, TYPES, cdevent
from opsrail_sdk.contracts.cloudevent import CloudEvent

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
RECEIVED = datetime(2026, 11, 21, tzinfo=UTC)
EVENT_HEADERS = {"github": "x-github-event", "gitlab": "x-gitlab-event", "cloudwatch": "x-amz-sns-message-type"}
KINDS = {"eventbridge": "cloudwatch"}


def _shared(name: str) -> Path:
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"the development data is not at ../shared/data/{name}")
    return folder


@pytest.fixture(scope="module")
def validators() -> Mapping[str, Draft202012Validator]:
    """Event type to the validator of its schema."""
    registry: Registry[Any] = Registry()
    schemas = {}
    for path in sorted(_shared("cdevents").joinpath("schemas").rglob("*.json")):
        schema = json.loads(path.read_text())
        registry = registry.with_resource(schema["$id"], Resource.from_contents(schema))
        context = schema.get("properties", {}).get("context", {}).get("properties", {})
        for type_ in context.get("type", {}).get("enum", ()):
            schemas[type_] = schema
    checker = FormatChecker()
    return {
        type_: Draft202012Validator(schema, registry=registry, format_checker=checker)
        for type_, schema in schemas.items()
    }


def _recorded() -> Iterator[tuple[str, str, str]]:
    """File, kind and event name of each recorded payload."""
    index = SHARED / "webhooks" / "index.json"
    if not index.is_file():
        return
    for entry in json.loads(index.read_text()):
        yield entry["file"], KINDS.get(entry["kind"], entry["kind"]), entry["event"]
    for name, kind in (
        ("alertmanager_v4", "alertmanager"),
        ("grafana_v9_resolved", "grafana"),
        ("grafana_v11_values", "grafana"),
    ):
        yield f"zulip/{name}.json", kind, ""


def test_our_vocabulary_is_the_published_one(validators: Mapping[str, Draft202012Validator]) -> None:
    assert set(TYPES.values()) == set(validators)


@pytest.mark.parametrize(("file", "kind", "event"), list(_recorded()))
def test_recorded_payloads_become_valid_events(
    file: str, kind: str, event: str, validators: Mapping[str, Draft202012Validator]
) -> None:
    headers = {"content-type": "application/json"} | ({EVENT_HEADERS[kind]: event} if kind in EVENT_HEADERS else {})
    body = (_shared("webhooks") / file).read_bytes()
    delivery = Delivery(kind=kind, connection_id="c", body=body, headers=headers, received_at=RECEIVED)
    found = normalise(delivery)
    assert found.events
    for raw in found.events:
        _check(orjson.loads(orjson.dumps(raw)), validators)


REPOSITORY = {
    "full_name": "acme/shop",
    "name": "shop",
    "html_url": "https://forge.test/acme/shop",
    "clone_url": "https://forge.test/acme/shop.git",
    "owner": {"login": "acme"},
}
PROJECT = {"path_with_namespace": "acme/shop", "web_url": "https://forge.test/acme/shop", "default_branch": "main"}
RUN = {"id": 5, "html_url": "https://forge.test/runs/5", "name": "ci", "conclusion": "timed_out"}
ISSUE = {"number": 3, "title": "", "html_url": "https://forge.test/i/3", "user": {"login": "ada"}, "labels": []}
BUILD = {"object_kind": "build", "build_id": 9, "build_name": "unit", "project": PROJECT, "pipeline_id": 5}

OURS: list[tuple[str, str, dict[str, Any], str]] = [
    ("github", "workflow_run", {"action": "requested", "workflow_run": RUN}, "pipelinerun.queued"),
    ("github", "workflow_run", {"action": "in_progress", "workflow_run": RUN}, "pipelinerun.started"),
    ("github", "workflow_run", {"action": "completed", "workflow_run": RUN}, "pipelinerun.finished"),
    ("github", "workflow_job", {"action": "in_progress", "workflow_job": RUN}, "taskrun.started"),
    ("github", "workflow_job", {"action": "completed", "workflow_job": RUN | {"run_id": 1}}, "taskrun.finished"),
    ("github", "repository", {"action": "created"}, "repository.created"),
    ("github", "repository", {"action": "renamed"}, "repository.modified"),
    ("github", "repository", {"action": "deleted"}, "repository.deleted"),
    ("github", "issues", {"action": "opened", "issue": ISSUE}, "ticket.created"),
    ("github", "issues", {"action": "labeled", "issue": ISSUE}, "ticket.updated"),
    ("github", "issues", {"action": "closed", "issue": ISSUE | {"state_reason": "not_planned"}}, "ticket.closed"),
    (
        "github",
        "pull_request_review",
        {"action": "submitted", "pull_request": {"number": 4, "title": "é\tü"}},
        "change.reviewed",
    ),
    (
        "github",
        "push",
        {"ref": "refs/heads/größe x", "before": "1" * 40, "after": "2" * 40, "commits": []},
        "change.merged",
    ),
    ("gitlab", "Job Hook", BUILD | {"build_status": "running"}, "taskrun.started"),
    ("gitlab", "Job Hook", BUILD | {"build_status": "failed", "build_failure_reason": "oom"}, "taskrun.finished"),
    (
        "gitlab",
        "Deployment Hook",
        {
            "object_kind": "deployment",
            "status": "success",
            "short_sha": "abc",
            "environment": "prod",
            "project": PROJECT,
        },
        "service.deployed",
    ),
    (
        "gitlab",
        "Issue Hook",
        {
            "object_kind": "issue",
            "project": PROJECT,
            "object_attributes": {"iid": 3, "action": "close", "url": "http://x/3"},
        },
        "ticket.closed",
    ),
]


@pytest.mark.parametrize(("kind", "event", "payload", "name"), OURS, ids=[f"{row[0]}-{row[3]}" for row in OURS])
def test_our_payloads_become_the_named_event(kind: str, event: str, payload: dict[str, Any], name: str) -> None:
    (raw,) = _ours(kind, event, payload)
    assert raw["type"] == TYPES[name]
    assert raw["data"]["context"]["id"] == raw["id"]


@pytest.mark.parametrize(("kind", "event", "payload", "name"), OURS, ids=[f"{row[0]}-{row[3]}" for row in OURS])
def test_our_payloads_become_valid_events(
    kind: str, event: str, payload: dict[str, Any], name: str, validators: Mapping[str, Draft202012Validator]
) -> None:
    for raw in _ours(kind, event, payload):
        _check(raw, validators)


def test_a_cdevent_without_what_its_schema_asks_for_is_caught(validators: Mapping[str, Draft202012Validator]) -> None:
    event = cdevent("pipelinerun.started", id="1", source="/s", subject_id="1", content={}, time=RECEIVED)
    with pytest.raises(AssertionError):
        _check(event.to_dict(), validators)


def _ours(kind: str, event: str, payload: dict[str, Any]) -> list[dict[str, Any]]:
    full = {"repository": REPOSITORY, **payload} if kind == "github" else payload
    delivery = Delivery(
        kind=kind,
        connection_id="c",
        body=orjson.dumps(full),
        headers={"content-type": "application/json", EVENT_HEADERS[kind]: event},
        received_at=RECEIVED,
    )
    decoded: list[dict[str, Any]] = orjson.loads(orjson.dumps(normalise(delivery).events))
    return decoded


def _check(raw: dict[str, Any], validators: Mapping[str, Draft202012Validator]) -> None:
    event = CloudEvent.model_validate(raw)
    if event.type.startswith(PREFIX):
        errors = [error.message for error in validators[event.type].iter_errors(raw["data"])]
        assert errors == []
        assert raw["data"]["subject"]["id"] == event.subject
