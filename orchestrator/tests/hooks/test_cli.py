"""``opsrail hooks normalise``."""

import orjson
import pytest
from typer.testing import CliRunner

from opsrail.hooks.cli import app

from .test_git import COMMIT, ZERO, A, B, pull_of, push_of

RUNNER = CliRunner()


@pytest.mark.parametrize("kind", ["github", "gitlab"])
@pytest.mark.parametrize(
    ("shape", "types"),
    [
        ("branch", ["dev.cdevents.change.merged.0.3.0"]),
        ("tag", ["io.opsrail.tag.created.v1"]),
        ("pull", ["dev.cdevents.change.created.0.4.0"]),
    ],
)
def test_the_event_is_guessed_from_the_shape(kind: str, shape: str, types: list[str]) -> None:
    payload = {
        "branch": push_of(kind, "refs/heads/main", A, B, [COMMIT]),
        "tag": push_of(kind, "refs/tags/v1", ZERO, B, []),
        "pull": pull_of(kind, "opened"),
    }[shape]
    result = RUNNER.invoke(app, ["normalise", kind], input=orjson.dumps(payload))
    assert result.exit_code == 0, result.output
    assert [event["type"] for event in orjson.loads(result.stdout)] == types


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"ref": "v1", "ref_type": "tag", "master_branch": "main"}, "io.opsrail.github.create.v1"),
        ({"ref": "old", "ref_type": "branch", "pusher_type": "user"}, "io.opsrail.github.delete.v1"),
        ({"action": "created", "installation": {"id": 1}, "sender": {}}, "io.opsrail.github.installation.created.v1"),
    ],
)
def test_github_payloads_without_a_word_in_cdevents_are_kept(payload: dict[str, object], expected: str) -> None:
    result = RUNNER.invoke(app, ["normalise", "github"], input=orjson.dumps(payload))
    assert [event["type"] for event in orjson.loads(result.stdout)] == [expected]


def test_the_event_can_be_named() -> None:
    result = RUNNER.invoke(app, ["normalise", "github", "--event", "star"], input=b'{"action": "created"}')
    assert [event["type"] for event in orjson.loads(result.stdout)] == ["io.opsrail.github.star.created.v1"]


@pytest.mark.parametrize(("arguments", "code"), [(["normalise", "github"], 1), (["normalise", "nobody"], 2)])
def test_what_is_not_understood_fails_with_a_reason(arguments: list[str], code: int) -> None:
    result = RUNNER.invoke(app, arguments, input=b"{")
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr
