"""YAML that somebody else wrote: pipelines of a repository, cases of policies; deep, self-referring, or code."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from opsrail.cli import app
from opsrail_ci.pipeline.parse import PipelineInvalid, parse

LAUGHS = "a0: &a0 [lol, lol]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
BAD = {
    "flow, 900 deep": "steps: " + "[" * 900 + "]" * 900,
    "flow, 10,000 deep": "steps: " + "[" * 10_000 + "]" * 10_000,
    "maps, 10,000 deep": "steps: " + "{a: " * 10_000 + "}" * 10_000,
    "unclosed": "steps: " + "[" * 10_000,
    "a billion laughs": LAUGHS + "steps: *a11\n",
    "refers to itself": "steps: &a [*a]\n",
    "merges itself": "a: &a {<<: *a}\nsteps: []\n",
    "code": "steps: !!python/object/apply:os.system ['touch /tmp/owned']\n",
    "NUL": "steps: [\x00]\n",
    "nothing": "",
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", BAD)
def test_a_pipeline_is_refused_with_what_is_wrong(name: str) -> None:
    with pytest.raises(PipelineInvalid):
        parse(BAD[name])


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", sorted(BAD.keys() - {"a billion laughs"}))
def test_cases_of_policies_are_refused_with_what_is_wrong(tmp_path: Path, name: str) -> None:
    file = tmp_path / "cases.yaml"
    file.write_text(BAD[name])
    done = CliRunner().invoke(app, ["policy", "test", str(file)])
    assert done.exit_code == 2, done.output
    assert isinstance(done.exception, SystemExit), done.exception
