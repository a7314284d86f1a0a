"""An agent of the running product that reaches beyond its manifest: the server refuses, and the audit trail says so.

``orchestrator/tests/embedded/test_bus_users.py`` tries every subject; here it is one agent's own credential file,
stolen from the host, and what an administrator reads afterwards.
"""

import uuid
from functools import partial
from typing import Any

import httpx
import pytest

from opsrail.embedded.nats import running_url
from opsrail.testing.stack import Stack, wait_until
from opsrail_sdk.bus import Bus
from opsrail_sdk.contracts import subjects
from opsrail_sdk.login import Login
from tests.attack.conftest import PATIENCE

pytestmark = pytest.mark.slow

RUN = str(uuid.uuid4())
"""Whatever run: the server refuses the name of the other agent."""


async def test_a_stolen_credential_reaches_no_further_than_its_manifest(stack: Stack) -> None:
    stack.wait_agents("ci")
    with stack.client() as root:
        org = root.get("/v1/me").json()["org_id"]
        await reach(stack, org)
        refused = (subjects.action(org, "cd", "deploy"), subjects.run_status(org, "cd", RUN), f"opsrail.{org}.>")
        for subject in refused:
            wait_until(partial(noted, root, subject), what=f"audit entry of {subject}")


async def reach(stack: Stack, org: str) -> None:
    """Order another agent, tell of its runs, speak for another organisation, replace the trusted keys, hear all."""
    address = running_url(stack.data)
    assert address is not None
    host = address.rpartition("@")[2].removeprefix("nats://")
    bus = await Bus.connect(
        f"nats://{host}",
        name="ci/thief",
        inbox_prefix=subjects.inbox_prefix(org, "ci"),
        login=Login(stack.data / "bus" / org / "ci-0.nk"),
        patience=PATIENCE,
    )
    try:
        refused: list[Any] = []

        async def note(refusal: Any) -> None:
            refused.append(refusal.subject)

        bus.refused.add(note)
        orders = [
            subjects.action(org, "cd", "deploy"),
            subjects.event(str(uuid.uuid4()), "dev.cdevents.pipelinerun.started.0.3.0"),
            subjects.run_status(org, "cd", RUN),
            subjects.run_log(org, "cd", RUN),
            f"$JS.API.DIRECT.GET.RUNS.{subjects.run_status(org, 'cd', RUN)}",
            "$KV.trust.jwks",
        ]
        for subject in orders:
            await bus.nc.publish(subject, b"evil")
        await bus.nc.subscribe(f"opsrail.{org}.>")
        for _ in range(2):
            await bus.nc.flush(timeout=int(PATIENCE.total_seconds()))
        assert set(refused) == {subject.lower() for subject in (*orders, f"opsrail.{org}.>")}
    finally:
        await bus.close()


def noted(root: httpx.Client, subject: str) -> bool:
    found = root.get("/v1/audit", params={"verb": "bus.refused", "target": f"subject:{subject}"}).json()["items"]
    return [entry["outcome"] for entry in found[:1]] == ["denied"]
