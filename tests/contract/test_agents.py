"""Every agent, found by glob, keeps the contract: folder, manifest, schemas, imports, behaviour when idle."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
AGENTS = sorted(path.parent for pattern in ("agents/*", "examples/agents/*") for path in ROOT.glob(f"{pattern}/src"))
EXPECTED = {
    "layout",
    "entry_point",
    "readme",
    "imports",
    "loads",
    "identity",
    "dry_run",
    "schemas",
    "starts",
    "heartbeat",
}


def test_the_glob_finds_the_six_and_an_example() -> None:
    assert {folder.name for folder in AGENTS} >= {"ci", "cd", "iac", "monitoring", "cloud", "finops", "certs"}


@pytest.mark.parametrize("folder", AGENTS, ids=lambda folder: folder.name)
def test_it_conforms(folder: Path) -> None:
    """Runs the checks as people do, in a process of its own: imports of one agent never help another."""
    done = subprocess.run(
        [sys.executable, "-m", "opsrail_sdk", "check", str(folder), "--json"],
        env={name: value for name, value in os.environ.items() if not name.startswith("OPSRAIL_")},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    findings = json.loads(done.stdout)
    assert [finding for finding in findings if not finding["ok"]] == []
    names = {finding["check"] for finding in findings}
    assert names >= EXPECTED
    assert any("memory" in name for name in names)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("folder", AGENTS, ids=lambda folder: folder.name)
def test_it_starts_without_the_orchestrator_and_its_siblings(folder: Path) -> None:
    """What the running agent has imported of ours is the SDK and itself."""
    own = f"opsrail_{folder.name}"
    code = f"import sys, {own}.agent; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(folder / "src")},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    ours = {name for name in done.stdout.split() if name.split("_")[0] == "opsrail"}
    assert ours == {own, "opsrail_sdk"}
