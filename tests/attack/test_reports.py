"""An agent that tells of a run which is another agent's: nothing of it is taken, and the audit trail says who.

``test_bus.py`` shows that its credential does not let it speak in the other's name; here it speaks in its own.
"""

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.run import ArtifactStored, LogLine, RunLog, RunState, RunStatus
from tests.attack.conftest import Target

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOW = datetime.now(UTC)


def success(org: str, run: str) -> tuple[str, bytes]:
    status = RunStatus(run_id=run, org_id=org, state=RunState.SUCCEEDED, at=NOW, agent="cd", output={"forged": True})
    return subjects.run_status(org, "ci", run), status.encode()


def line(org: str, run: str) -> tuple[str, bytes]:
    lines = (LogLine(n=1, at=NOW, text="forged"),)
    return subjects.run_log(org, "ci", run), RunLog(run_id=run, org_id=org, attempt=1, lines=lines).encode()


def artifact(org: str, run: str) -> tuple[str, bytes]:
    stored = ArtifactStored(
        id=str(uuid.uuid4()),
        run_id=run,
        org_id=org,
        name="forged.whl",
        object_name="forged",
        media_type="application/zip",
        size=1,
        digest=f"sha256:{'0' * 64}",
        stored_at=NOW,
    )
    return subjects.run_artifact(org, "ci", run), stored.encode()


@pytest.mark.parametrize("lie", [success, line, artifact])
async def test_what_an_agent_tells_of_anothers_run_is_not_taken(target: Target, lie: Any) -> None:
    run = await queued(target, "cd")
    subject, body = lie(target.org, run)
    await target.orchestrator.container.bus.publish(subject, body)
    entry = await target.entry("target = :run AND verb = 'report.refused'", run=f"run:{run}")
    assert (entry.actor, entry.outcome) == ("agent:ci", "denied")
    kept = (await target.root.get(f"/v1/runs/{run}")).json()
    assert (kept["state"], kept["output"]) == ("queued", None)
    assert (await target.root.get(f"/v1/runs/{run}/logs")).json()["items"] == []
    assert (await target.root.get("/v1/artifacts", params={"run_id": run})).json()["items"] == []


async def queued(target: Target, agent: str) -> str:
    """A run that waits for its agent."""
    run = str(uuid.uuid4())
    await target.sql(
        "INSERT INTO runs (id, org_id, kind, agent, action, state, risk, input, requested_by, correlation_id)"
        " VALUES (:id, :org, 'action', :agent, 'deploy', 'queued', 'write', '{}', 'test', 'c')",
        id=run,
        org=target.org,
        agent=agent,
    )
    return run
