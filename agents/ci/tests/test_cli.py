"""``opsrail ci``: the same code on a laptop."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from opsrail_ci.cli import app
from tests.simulators.git_http import Repository

PIPELINE = "steps:\n  - {name: hello, run: 'echo hi > out.txt; cat new.txt'}\nartifacts: [{paths: out.txt}]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = Repository(tmp_path, "shop")
    made.commit({".opsrail/ci.yaml": PIPELINE, ".gitignore": "ignored\n"})
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(made.bare), str(clone)], check=True)
    (clone / "new.txt").write_text("not committed yet\n")
    (clone / "ignored").write_text("x")
    return clone


def test_run_takes_the_working_tree_and_leaves_it_alone(folder: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["run", "-C", str(folder), "--artifacts", str(tmp_path / "kept"), "--json"])
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert (result["outcome"], result["steps"][0]["outcome"]) == ("success", "success")
    assert "hello │ not committed yet" in done.stderr
    assert (tmp_path / "kept/out.txt").read_text() == "hi\n"
    assert not (folder / "out.txt").exists()


def test_run_fails_when_a_step_does(folder: Path) -> None:
    (folder / ".opsrail/ci.yaml").write_text("steps: [{name: a, run: exit 3}]\n")
    done = CliRunner().invoke(app, ["run", "-C", str(folder)])
    assert done.exit_code == 1
    assert "pipeline_failed: step a failed: exit code 3" in done.stderr


def test_run_says_that_there_is_no_commit_yet(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    done = CliRunner().invoke(app, ["run", "-C", str(tmp_path)])
    assert done.exit_code == 1
    assert "has no commit yet" in done.stderr


def test_lint_names_line_and_column(folder: Path) -> None:
    assert CliRunner().invoke(app, ["lint", "-C", str(folder)]).stdout == "main: hello (host)\n"
    (folder / ".opsrail/ci.yaml").write_text("steps:\n  - {name: a, rn: x}\n")
    done = CliRunner().invoke(app, ["lint", "-C", str(folder), "--json"])
    assert done.exit_code == 1
    assert "ci.yaml:2:15: steps[0].rn: unknown key" in done.stderr
    assert json.loads(done.stdout)["valid"] is False


def test_lint_without_a_file_and_outside_a_repository(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["lint", "-C", str(tmp_path)]).exit_code == 2
    done = CliRunner().invoke(app, ["run", "-C", str(tmp_path)])
    assert done.exit_code == 1
    assert "cannot be run" in done.stderr


def test_importing_the_commands_costs_little() -> None:
    code = (
        "import sys, opsrail_ci.cli; print([m for m in ('docker', 'httpx', 'pydantic', 'yaml') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
