"""From a pipeline and a change to what runs."""

from typing import Any

import pytest

from opsrail_ci.pipeline.defaults import default_pipeline, image_name
from opsrail_ci.pipeline.model import Event
from opsrail_ci.pipeline.parse import parse
from opsrail_ci.pipeline.plan import Facts, cells, fill, plan, touches
from opsrail_sdk.errors import InvalidInput


def facts(**more: Any) -> Facts:
    given = {"repository": "acme/shop", "ref": "refs/heads/main", "commit": "c" * 40, "event": Event.PUSH}
    return Facts(**(given | more))


def steps(text: str, **more: Any) -> list[str]:
    return [step.name for job in plan(parse(text), facts(**more)).jobs for step in job.steps]


def test_triggers_decide_whether_anything_runs() -> None:
    text = "on: {push: {branches: [main, 'release/*']}, tag: {tags: 'v*'}}\nsteps: [{name: a, run: x}]"
    assert steps(text) == ["a"]
    assert steps(text, ref="refs/heads/release/1") == ["a"]
    assert steps(text, ref="refs/heads/other") == []
    assert steps(text, ref="refs/tags/v1", event=Event.TAG) == ["a"]
    assert steps(text, ref="refs/tags/x", event=Event.TAG) == []
    assert steps(text, event=Event.PULL_REQUEST, target_branch="main") == []
    assert steps(text, ref="refs/heads/other", event=Event.MANUAL) == ["a"]
    assert plan(parse(text), facts(event=Event.PULL_REQUEST)).skipped == ("`on` does not name pull_request",)


def test_path_filters_hold_back_only_what_is_known_to_be_untouched() -> None:
    text = "steps:\n - {name: api, run: x, paths: ['api/**', '!**/*.md']}\n - {name: always, run: x}"
    assert steps(text, changed_paths=frozenset({"api/main.py"})) == ["api", "always"]
    assert steps(text, changed_paths=frozenset({"api/README.md"})) == ["always"]
    assert steps(text, changed_paths=frozenset({"web/x"})) == ["always"]
    assert steps(text, changed_paths=None) == ["api", "always"]
    assert steps(text, changed_paths=frozenset(), event=Event.MANUAL) == ["api", "always"]
    assert touches(["docs/a.md", "x.py"], ["!docs/**"])
    assert not touches(["docs/a.md"], ["!docs/**"])


def test_a_matrix_makes_a_job_of_every_combination() -> None:
    text = (
        "matrix: {os: [a, b], v: [1, 2], exclude: [{os: b, v: 2}], include: [{os: c, v: 9}]}\n"
        "env: {WHERE: 'on ${{ matrix.os }}'}\nsteps: [{name: t, run: x, image: 'img:${{ matrix.v }}'}]"
    )
    planned = plan(parse(text), facts())
    assert [(job.name, job.steps[0].image) for job in planned.jobs] == [
        ("os=a v=1", "img:1"),
        ("os=a v=2", "img:2"),
        ("os=b v=1", "img:1"),
        ("os=c v=9", "img:9"),
    ]
    env = planned.jobs[0].steps[0].env
    assert (env["MATRIX_OS"], env["WHERE"], env["CI_BRANCH"]) == ("a", "on a", "main")


def test_too_many_jobs_are_refused() -> None:
    values = ", ".join(str(number) for number in range(9))
    pipeline = parse(f"matrix: {{a: [{values}], b: [{values}]}}\nsteps: [{{name: t, run: x}}]")
    with pytest.raises(InvalidInput, match="81 jobs"):
        cells(pipeline.matrix)


def test_references_are_filled_in_and_unknown_ones_named() -> None:
    assert fill("a ${{ x }} ${{y}}", {"x": "1", "y": "2"}) == "a 1 2"
    with pytest.raises(InvalidInput, match=r"`\$\{\{ z \}\}` is not known here; known are x"):
        fill("${{ z }}", {"x": "1"})


def test_image_tags_become_legal() -> None:
    planned = plan(
        parse("images: [{name: a, tags: ['${{ branch }}', '${{ short_commit }}']}]"), facts(ref="refs/heads/feat/ä")
    )
    assert planned.images[0].tags == ["feat-", "c" * 12]


@pytest.mark.parametrize(
    ("files", "step_names", "images", "optional"),
    [
        (["Dockerfile"], [], ["acme/shop"], False),
        (["pyproject.toml"], ["python"], [], None),
        (["package.json"], ["node"], [], None),
        (["package.json", "pyproject.toml", "Dockerfile"], ["python", "node"], ["acme/shop"], True),
    ],
)
def test_defaults(files: list[str], step_names: list[str], images: list[str], optional: bool | None) -> None:
    found = default_pipeline(files.__contains__, "acme/shop")
    assert found is not None
    assert [step.name for step in found.pipeline.steps] == step_names
    assert [image.name for image in found.pipeline.images] == images
    assert [image.optional for image in found.pipeline.images] == ([] if optional is None else [optional])


def test_nothing_to_go_by_is_no_pipeline() -> None:
    assert default_pipeline(lambda _: False, "acme/shop") is None
    assert image_name("Acme Inc/My_Shop.") == "acme-inc/my-shop"
