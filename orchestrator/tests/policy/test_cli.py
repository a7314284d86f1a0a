"""``opsrail policy test`` needs no orchestrator: files in, differences and an exit status out."""

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner, Result

from opsrail.cli.policy import app

CASES = """
cases:
  - name: a restart in staging is free
    given: {action: cloud.restart, input: {service: api, environment: staging}, at: 2026-11-21T22:00:00Z}
    expect: permit
  - name: one in production waits
    given:
      principal: {kind: agent, id: cloud, roles: []}
      action: cloud.restart
      input: {service: api, environment: production}
      context: {cost: 3.5, team: pay}
    expect: {outcome: approval, approvals: 1, policies: [production-writes]}
"""


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    path = tmp_path / "cases.yaml"
    path.write_text(CASES)
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["test", *map(str, arguments)])


def test_the_shipped_set_is_tested_where_none_is_given(cases: Path) -> None:
    done = run(cases)
    assert (done.exit_code, done.stdout.count("ok ")) == (0, 2), done.output


def test_a_case_that_fails_shows_the_difference(cases: Path, tmp_path: Path) -> None:
    policies = tmp_path / "mine.cedar"
    policies.write_text('@id("none") @reason("closed") forbid (principal, action, resource);')
    done = run(cases, "--policies", policies)
    assert done.exit_code == 1
    assert "outcome: expected permit, is deny (closed)" in done.stdout
    assert "policies: expected production-writes, decided by none" in done.stdout
    report = orjson.loads(run(cases, "--policies", policies, "--json").stdout)
    assert (report["passed"], report["failed"]) == (0, 2)


def test_cases_may_be_json(cases: Path, tmp_path: Path) -> None:
    path = tmp_path / "cases.json"
    path.write_bytes(orjson.dumps({"cases": [{"name": "x", "given": {"action": "a.b"}, "expect": "permit"}]}))
    assert run(path, cases).exit_code == 0


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("c.yaml", "cases: []", "cases"),
        ("c.yaml", "cases: [{name: x, given: {action: nodot}, expect: permit}]", "given.action"),
        ("c.yaml", "cases: [{name: x, given: {action: a.b}, expect: maybe}]", "expect"),
        ("c.yaml", "cases: [{name: x, given: {action: a.b, inptu: {}}, expect: deny}]", "inptu"),
        ("c.yaml", "{", "not YAML"),
        ("c.json", "{", "c.json"),
    ],
)
def test_wrong_cases_are_named(tmp_path: Path, name: str, content: str, said: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    done = run(path)
    assert done.exit_code == 2
    assert said in done.stderr


def test_wrong_policies_are_named(cases: Path, tmp_path: Path) -> None:
    policies = tmp_path / "mine.cedar"
    policies.write_text('@id("slip") permit (principal, action, resource) when { resource.enviroment == "x" };')
    done = run(cases, "--policies", policies)
    assert (done.exit_code, "slip" in done.stderr) == (2, True)
    assert run(cases, "--policies", tmp_path / "absent.cedar").exit_code == 2
