"""Pipeline files: what is accepted, and where every problem is said to be."""

import contextlib
import json
import re
from datetime import timedelta

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from opsrail_ci.pipeline.model import Event, schema
from opsrail_ci.pipeline.parse import PipelineInvalid, parse

FULL = """\
name: shop
on:
  push: {branches: [main, "release/*"], paths: ["src/**"]}
  tag:
image: python:3.12
env: {PYTHONUNBUFFERED: 1, FLAG: true}
secrets: [NPM_TOKEN]
timeout: 1h30m
matrix:
  python: [3.10, "3.11"]
  exclude: [{python: 3.10}]
services:
  db: {image: "postgres:16", env: {POSTGRES_PASSWORD: x}}
steps:
  - name: test
    run: [make, make test]
    image: python:${{ matrix.python }}
    secrets: {TOKEN: NPM_TOKEN}
    timeout: 10m
    paths: src/**
    when: {events: push, status: always}
    failure: ignore
artifacts:
  - {paths: "dist/*", keep: 30d}
images:
  - {name: acme/shop, tags: ["${{ version }}"]}
version: {tag: true, prefix: "v", channels: {next: rc}}
"""


def problems(text: str) -> list[tuple[int, int, str]]:
    with pytest.raises(PipelineInvalid) as failure:
        parse(text)
    return [(p.line, p.column, p.message) for p in failure.value.problems]


def test_a_full_file() -> None:
    pipeline = parse(FULL)
    assert set(pipeline.on) == {Event.PUSH, Event.TAG}
    assert pipeline.env == {"PYTHONUNBUFFERED": "1", "FLAG": "true"}
    assert pipeline.timeout == timedelta(hours=1, minutes=30)
    assert pipeline.matrix is not None
    assert pipeline.matrix.axes == {"python": ["3.10", "3.11"]}
    step = pipeline.steps[0]
    assert step.run == "make\nmake test"
    assert step.secrets == {"TOKEN": "NPM_TOKEN"}
    assert step.paths == ["src/**"]
    assert pipeline.artifacts[0].keep == timedelta(days=30)


def test_the_published_schema_accepts_what_the_parser_does() -> None:
    document = schema()
    jsonschema.Draft202012Validator.check_schema(document)
    for text in (
        FULL,
        "steps: [{name: a, run: b}]",
        "images: [{name: a}]",
        "on: [push, tag]\nsteps: [{name: a, run: b}]",
    ):
        data = json.loads(json.dumps(yaml.safe_load(re.sub(r"^on:", '"on":', text, flags=re.MULTILINE))))
        jsonschema.validate(data, document)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [(1, 1, "the file is empty")]),
        ("steps: [\n", [(2, 1, "expected the node content, but found '<stream end>'")]),
        ("steps:\n  - name: a\n    run: x\n    imge: y\n", [(4, 5, "unknown key")]),
        ("steps:\n  - name: a\n", [(2, 5, "Field required")]),
        (
            "steps:\n  - name: a\n    run: x\n    timeout: soon\n",
            [(4, 14, "expected a duration such as 90s, 10m, 1h30m or 30d")],
        ),
        ("steps: [{name: a, run: x}]\nsteps: []\n", [(2, 1, "`steps` is given twice")]),
        ("steps: !!python/object:os.system {}\n", [(1, 8, "nothing")]),
        ("steps: !include x\n", [(1, 8, "the tag !include is not known here")]),
        ("name: a\n", [(1, 1, "nothing to do: give `steps`, `images` or `version`")]),
        ("- a\n", [(1, 1, "expected a mapping of keys to values")]),
        ("steps: [{name: a, run: x}]\nartifacts: [out.txt]\n", [(2, 13, "expected a mapping of keys to values")]),
        ("steps: [{name: a, run: x}]\nartifacts: out.txt\n", [(2, 12, "expected a list")]),
        ("steps:\n  - {name: a, run: x}\n  - {name: a, run: y}\n", [(3, 12, "two steps are called `a`")]),
        (
            "steps:\n  - {name: a, run: x, runner: image}\n",
            [(2, 31, "step `a` has `runner: image` but no image is named")],
        ),
        (
            "steps:\n- {name: a, run: x, directory: ../up}\n",
            [(2, 32, "must be a relative path inside the repository")],
        ),
    ],
)
def test_problems_have_a_line_and_a_column(text: str, expected: list[tuple[int, int, str]]) -> None:
    found = problems(text)
    if expected[0][2] == "nothing":
        assert [place[:2] for place in found] == [place[:2] for place in expected]
    else:
        assert found == expected


@pytest.mark.parametrize(
    ("text", "line", "column", "name"),
    [
        ("matrix: {go: [1]}\nsteps:\n  - {name: a, run: x, image: 'go:${{ matrix.og }}'}\n", 3, 30, "matrix.og"),
        ("images:\n- {name: a, tags: '${{ version }}'}\n", 2, 19, "version"),
        ("env:\n  A: ${{ nothing }}\nsteps: [{name: a, run: x}]\n", 2, 6, "nothing"),
    ],
)
def test_a_reference_to_what_cannot_be_known_is_told_where_it_stands(
    text: str, line: int, column: int, name: str
) -> None:
    ((found_line, found_column, message),) = problems(text)
    assert (found_line, found_column) == (line, column)
    assert message.startswith(f"`${{{{ {name} }}}}` is not known here; known are branch, commit, ")


def test_references_to_what_may_be_known_are_left_alone() -> None:
    parse("images: [{name: a, tags: ['${{ branch }}', '${{ tag }}', '${{ version }}']}]\nversion: {}\n")
    parse("matrix: {include: [{go: 1}]}\nsteps: [{name: a, run: x, image: 'go:${{ matrix.go }}'}]\n")


def test_an_open_quote_is_told_by_where_it_was_opened() -> None:
    assert problems("steps:\n  - name: 'a\n    run: x\n") == [
        (4, 1, "found unexpected end of stream while scanning a quoted scalar, which begins at line 2, column 11")
    ]


def test_every_problem_is_told_at_once_with_its_path() -> None:
    with pytest.raises(PipelineInvalid) as failure:
        parse("steps:\n  - name: a\n    run: x\n    failure: maybe\nparallel: many\n")
    assert [(p.line, p.path) for p in failure.value.problems] == [(4, "steps[0].failure"), (5, "parallel")]
    assert "line 4, column 14: `steps[0].failure`" in str(failure.value)
    assert failure.value.code == "pipeline_invalid"


def test_anchors_and_merges_work() -> None:
    pipeline = parse("steps:\n  - &base {name: a, run: x, timeout: 5m}\n  - <<: *base\n    name: b\n")
    assert [(s.name, s.run, s.timeout) for s in pipeline.steps] == [
        ("a", "x", timedelta(minutes=5)),
        ("b", "x", timedelta(minutes=5)),
    ]


def test_bombs_are_refused() -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert problems("\n".join(levels))[0][2] == "too large once its aliases are expanded"
    assert problems("a: &a [*a]")[0][2] == "too large once its aliases are expanded"
    assert problems("[" * 5000)[0][2]
    assert problems("#" + "x" * 300_000)[0][2] == "the file is larger than 256 KiB"


@given(st.text(max_size=200))
def test_no_text_makes_it_fall_over(text: str) -> None:
    with contextlib.suppress(PipelineInvalid):
        parse(text)
