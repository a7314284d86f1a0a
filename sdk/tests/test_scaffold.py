"""A new agent works as it is: it passes its own tests and the conformance checks."""

import asyncio
import sys
from pathlib import Path

import pytest

from opsrail_sdk import scaffold

pytestmark = pytest.mark.timeout(900)
"""An agent's own tests run in here, and each of the processes takes its time on a busy machine."""


async def run(*command: str, cwd: Path, path: str = "") -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        *command,
        cwd=cwd,
        env={"PYTHONPATH": path, "PATH": str(Path(sys.executable).parent)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


async def test_a_new_agent_passes_the_conformance_checks(tmp_path: Path) -> None:
    code, output = await run("opsrail_sdk", "new", "night_watch", "--in", ".", cwd=tmp_path)
    assert code == 0, output
    code, output = await run("opsrail_sdk", "check", "night_watch", cwd=tmp_path)
    assert code == 0, output
    assert "ok   drains" in output


async def test_a_new_agent_passes_its_own_tests(tmp_path: Path) -> None:
    folder = scaffold.new("night_watch", tmp_path)
    options = ("-q", "-o", "asyncio_mode=auto", "-p", "no:cacheprovider", "--rootdir", str(folder))
    code, output = await run("pytest", *options, str(folder / "tests"), cwd=folder, path=str(folder / "src"))
    assert code == 0, output


async def test_check_names_what_is_wrong(tmp_path: Path) -> None:
    folder = scaffold.new("bad", tmp_path)
    package = folder / "src" / "opsrail_bad"
    (folder / "README.md").write_text("# Bad\n")
    query = package / "queries" / "preview.py"
    field = 'whom: str = Field(min_length=1, max_length=200, description="Who would be greeted")'
    query.write_text(
        query.read_text()
        .replace('model_config = ConfigDict(extra="forbid")\n', "")
        .replace(field, "whom: object = None")
        .replace('    """Show a greeting without saying it."""\n', "    import opsrail.app\n")
    )
    code, output = await run("opsrail_sdk", "check", "bad", cwd=tmp_path)
    assert code == 1
    failed = {line.removeprefix("FAIL ").split(":")[0] for line in output.splitlines() if line.startswith("FAIL")}
    assert failed == {"readme", "imports", "described", "query preview refuses bad input and leaks nothing"}


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise RuntimeError('no')", "RuntimeError: no"),
        ("raise SystemExit(0)", "loads: SystemExit: 0"),
        ("def (", "FAIL imports: src/opsrail_broken/agent.py: invalid syntax"),
    ],
)
async def test_an_agent_that_does_not_load_is_a_finding(tmp_path: Path, code: str, said: str) -> None:
    folder = scaffold.new("broken", tmp_path)
    (folder / "src" / "opsrail_broken" / "agent.py").write_text(f"{code}\n")
    (folder / "pyproject.toml").write_text("[project\n")
    status, output = await run("opsrail_sdk", "check", "broken", cwd=tmp_path)
    assert status == 1
    assert said in output
    assert "FAIL entry_point: pyproject.toml: " in output


async def test_an_agent_that_talks_where_its_manifest_is_read_is_a_finding(tmp_path: Path) -> None:
    folder = scaffold.new("chatty", tmp_path)
    main = folder / "src" / "opsrail_chatty" / "__main__.py"
    main.write_text(f"print('hello')\n{main.read_text()}")
    status, output = await run("opsrail_sdk", "check", "chatty", cwd=tmp_path)
    assert status == 1
    assert [line.split(":")[0] for line in output.splitlines() if line.startswith("FAIL")] == ["FAIL prints_manifest"]


def test_the_id_of_an_installed_agent_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "acme_tides-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-tides\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[opsrail.agents]\ntides = acme_tides\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ValueError, match="'tides' is taken: the installed package acme-tides"):
        scaffold.new("tides", tmp_path)


@pytest.mark.parametrize("name", ["Upper", "1st", "has-dash", "", "core", "x" * 33, "../up"])
def test_names_that_are_no_agent_ids_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"agent id|taken"):
        scaffold.new(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(FileExistsError):
        scaffold.new("mine", tmp_path)


EXAMPLE = Path(__file__).parents[2] / "examples" / "agents" / "certs"


async def test_the_example_agent_conforms_and_passes_its_tests(tmp_path: Path) -> None:
    code, output = await run("opsrail_sdk", "check", str(EXAMPLE), cwd=tmp_path)
    assert code == 0, output
    options = ("-q", "-o", "asyncio_mode=auto", "-p", "no:cacheprovider", "--rootdir", str(EXAMPLE))
    code, output = await run("pytest", *options, str(EXAMPLE / "tests"), cwd=tmp_path, path=str(EXAMPLE / "src"))
    assert code == 0, output
