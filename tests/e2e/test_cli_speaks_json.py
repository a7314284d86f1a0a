"""Every command: ``--json`` puts JSON alone on stdout, messages on stderr; the exit status says if it held."""

import hashlib
import json
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from opsrail.cli import app
from opsrail.testing.stack import Stack, wait_until
from tests.e2e.support import Forge, ended
from tests.simulators.github_sender import push_payload

FLAGLESS = {"up", "ci schema"}
"""Without ``--json``: `up` has no result, the others print JSON always."""


def _commands() -> Iterator[str]:
    """Each command of the command line, its groups opened."""
    root = typer.main.get_command(app)
    context = root.make_context("opsrail", [], resilient_parsing=True)
    for name in root.list_commands(context):  # type: ignore[attr-defined]
        command = root.get_command(context, name)  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        yield from (f"{name} {sub}" for sub in inner) if inner else (name,)


@pytest.mark.parametrize("command", sorted(_commands()))
def test_every_command_explains_itself(command: str) -> None:
    done = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}).invoke(
        app, [*command.split(), "--help"]
    )
    assert done.exit_code == 0, done.output
    assert "Usage" in done.output
    assert "--json" in done.output or command in FLAGLESS


class Cli:
    """Runs commands with ``--json`` and reads what they print."""

    def __init__(self, stack: Stack) -> None:
        self.raw = stack.cli

    def __call__(self, *arguments: str, status: int = 0, **options: Any) -> Any:
        """The JSON document that a command printed."""
        (document,) = self.lines(*arguments, status=status, **options)
        return document

    def lines(self, *arguments: str, status: int = 0, **options: Any) -> list[Any]:
        """The JSON lines that a command printed."""
        done = self.raw(*arguments, "--json", **options)
        assert done.returncode == status, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def refused(self, *arguments: str, says: str, status: int = 1) -> None:
        """A command that fails: nothing on stdout, the reason on stderr."""
        done = self.raw(*arguments, "--json")
        assert (done.returncode, done.stdout) == (status, ""), done.stdout + done.stderr
        assert says in " ".join(done.stderr.split())
        assert "Traceback" not in done.stderr


@pytest.fixture
def cli(stack: Stack) -> Cli:
    return Cli(stack)


@pytest.mark.slow
def test_runs_and_artifacts(cli: Cli, forge: Forge, tmp_path: Path) -> None:
    pipeline = "steps:\n  - {name: make, run: 'printf hello > out'}\nartifacts:\n  - paths: out\n"
    _, head = forge.repository("cli/runs", {".opsrail/ci.yaml": pipeline})
    (run,) = ended(forge.client, forge.push("cli/runs", head).json()["events"], 1)
    assert cli("runs", "show", run["id"])["state"] == "succeeded"
    assert run["id"] in {found["id"] for found in cli("runs", "list", "--agent", "ci", "--limit", "50")}
    *lines, last = cli.lines("runs", "watch", run["id"])
    assert last["id"] == run["id"]
    assert all("text" in line for line in lines)
    (artifact,) = cli("artifacts", "list", "--run", run["id"])
    target = tmp_path / "out"
    assert cli("artifacts", "get", artifact["id"], "-o", str(target))["id"] == artifact["id"]
    assert "sha256:" + hashlib.sha256(target.read_bytes()).hexdigest() == artifact["digest"]
    assert list(tmp_path.iterdir()) == [target]
    cli.refused("runs", "cancel", run["id"], says="run_finished")
    cli.refused("runs", "show", str(uuid.uuid4()), says="not_found")


@pytest.mark.slow
def test_invoke_says_by_its_status_how_the_run_ended(cli: Cli, forge: Forge) -> None:
    _, head = forge.repository("cli/invoke")
    body = {"repository": "cli/invoke", "clone_url": forge.git.url("cli/invoke"), "ref": "refs/heads/main"}
    good = json.dumps({**body, "commit": head})
    assert cli.lines("invoke", "ci.run_pipeline", "--input", good, "--wait")[-1]["state"] == "succeeded"
    assert cli("invoke", "ci.run_pipeline", "--input", good)["state"] in {"queued", "running"}
    bad = json.dumps({**body, "commit": "3" * 40})
    assert cli.lines("invoke", "ci.run_pipeline", "--input", bad, "--wait", status=1)[-1]["state"] == "failed"
    cli.refused("invoke", "ci.run_pipeline", "--input", "{}", says="invalid_input")
    cli.refused("invoke", "ci.run_pipeline", "--input", "{", says="not JSON", status=2)
    cli.refused("invoke", "nodot", says="AGENT.ACTION", status=2)


@pytest.mark.slow
def test_agents(cli: Cli, stack: Stack) -> None:
    stack.wait_agents("ci", "cd")
    listed = cli("agents", "list")
    assert {agent["id"] for agent in listed["agents"]} >= {"ci", "cd"}
    assert {offer["id"] for offer in listed["catalogue"]} >= {"ci", "cd"}
    assert cli("agents", "show", "cd")["id"] == "cd"
    assert cli("agents", "permissions", "ci")["permissions"]
    assert cli("agents", "config", "ci")["config_schema"]["type"] == "object"
    settings = stack.cli("agents", "config", "ci").stdout
    assert ["artifact_max_files", "500", "default"] in [line.split()[:3] for line in settings.splitlines()]
    assert cli("agents", "disable", "cd")["state"] == "disabled"
    assert cli("agents", "enable", "cd", "--backlog", "skip")["enabled"] is True
    assert cli("agents", "upgrade", "cd")["version"]
    stack.wait_agents("cd")
    assert {line["file"] for line in cli.lines("agents", "logs", "ci", "-n", "3")}
    cli.refused("agents", "show", "nobody", says="unknown_agent")
    cli.refused("agents", "config", "ci", "--set", "nonsense=1", says="does not know: nonsense")
    cli.refused("agents", "logs", "nobody", says="no log of nobody")
    cli.refused("agents", "install", "nobody", says="unknown_module")


def test_queries(cli: Cli) -> None:
    assert {runner["name"] for runner in cli("query", "ci.engine")["runners"]} == {"host", "image"}
    broken = json.dumps({"text": "steps: 1"})
    assert cli("query", "ci.pipelines", "--input", broken)["valid"] is False
    cli.refused("query", "ci.pipelines", says="text")
    cli.refused("query", "ci", says="AGENT.QUERY", status=2)


@pytest.mark.slow
def test_connections_and_tokens(cli: Cli) -> None:
    name = f"cli-{uuid.uuid4().hex[:8]}"
    assert {kind["kind"] for kind in cli("connections", "kinds")} >= {"github", "gitlab", "registry"}
    made = cli("connections", "create", "github", "--name", name, "--set", "token=t0p")
    assert made["hook_url"]
    assert made["secret"]
    assert cli("connections", "rotate", made["id"])["secret"] != made["secret"]
    shown = cli("connections", "show", made["id"])
    assert shown["secrets_set"] == ["token"]
    assert "t0p" not in json.dumps([shown, cli("connections", "list")])
    assert cli("connections", "delete", made["id"])["deleted"] is True
    cli.refused("connections", "show", made["id"], says="not_found")
    cli.refused("connections", "create", "nokind", "--name", name, says="no kind", status=2)
    cli.refused("connections", "create", "github", "--name", name, "--set", "surprise=1", says="surprise")

    token = cli("tokens", "create", name, "--scope", "read", "--days", "1")
    assert token["token"]
    assert token["id"] in {found["id"] for found in cli("tokens", "list")}
    assert cli("tokens", "revoke", token["id"])["revoked"] is True


@pytest.mark.slow
def test_events(cli: Cli, stack: Stack) -> None:
    wanted = {"specversion": "1.0", "id": str(uuid.uuid4()), "source": "/cli", "type": "com.example.told.v1"}
    with subprocess.Popen(
        [sys.executable, "-m", "opsrail", "events", "tail", "--type", "com.example.", "--json"],
        env={**os.environ, "OPSRAIL_URL": stack.url, "OPSRAIL_TOKEN": stack.token},
        stdout=subprocess.PIPE,
        text=True,
    ) as tail:
        assert tail.stdout is not None
        try:
            # The tail tells from when it is connected, which nothing announces: publish until it tells.
            ids: list[str] = []
            with stack.client() as client:
                reading = FirstLine(tail)
                while not reading.ready():
                    answer = client.post("/v1/events", json={**wanted, "id": str(uuid.uuid4())})
                    ids += answer.json()["events"]
            assert json.loads(reading.line)["id"] in ids
        finally:
            tail.terminate()
    assert len(cli("events", "publish", json.dumps(wanted))["events"]) == 1
    assert cli("events", "show", ids[0])["id"] == ids[0]
    assert all(event["type"].startswith("com.example.") for event in cli("events", "list", "--type", wanted["type"]))
    cli.refused("events", "publish", "{", says="not JSON", status=2)
    cli.refused("events", "publish", '{"id": "1"}', says="not_understood")


class FirstLine:
    """The first line that a process prints, without waiting for it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.line = ""

        def read() -> None:
            assert process.stdout is not None
            self.line = process.stdout.readline()

        self._thread = threading.Thread(target=read, daemon=True)
        self._thread.start()

    def ready(self) -> bool:
        self._thread.join(0.1)
        return not self._thread.is_alive()


def test_status_and_doctor(cli: Cli, stack: Stack) -> None:
    wait_until(lambda: cli.raw("status", "--json").returncode == 0, what="every part is ready")
    status = cli("status")
    assert (status["url"], status["ready"]) == (stack.url, True)
    done = stack.cli("doctor", "--json")
    checks = json.loads(done.stdout)
    assert done.returncode == (0 if all(check["ok"] for check in checks if check["required"]) else 1)
    assert all(check["ok"] or check["fix"] for check in checks)


def test_what_needs_no_server(cli: Cli, tmp_path: Path) -> None:
    payload = push_payload(
        repository="a/b", clone_url="https://git.example.com/a/b.git", branch="main", after="1" * 40
    )
    done = cli.raw("hooks", "normalise", "github", "--event", "push", "--json", input=json.dumps(payload))
    assert done.returncode == 0, done.stderr
    assert "dev.cdevents.change.merged" in {
        event["type"].rpartition(".")[0][:26] for event in json.loads(done.stdout)
    }
    (tmp_path / ".opsrail").mkdir()
    file = tmp_path / ".opsrail" / "ci.yaml"
    file.write_text("steps:\n  - {name: one, run: echo hi}\n")
    lint = cli.raw("ci", "lint", "-C", str(tmp_path), "--json")
    assert (lint.returncode, json.loads(lint.stdout)["valid"]) == (0, True)
    file.write_text("steps:\n  - {name: one, rnu: echo hi}\n")
    wrong = cli.raw("ci", "lint", "-C", str(tmp_path), "--json")
    assert (wrong.returncode, json.loads(wrong.stdout)["valid"]) == (1, False)
    assert f"{file}:2:" in wrong.stderr
    assert "steps" in json.loads(cli.raw("ci", "schema").stdout)["properties"]


def test_no_stack_is_one_clear_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "opsrail", "runs", "list", "--json"],
        env={**os.environ, "OPSRAIL_URL": "http://127.0.0.1:9", "OPSRAIL_TOKEN": "t"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "no orchestrator answers" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
