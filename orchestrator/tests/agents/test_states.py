from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from opsrail.agents.models import Agent
from opsrail.agents.states import SILENCE, standing, upgrade_verdict
from opsrail_sdk.contracts.run import Heartbeat

from .conftest import manifest

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(hours=1)


def agent(**changes: Any) -> Agent:
    row = {
        "id": "sample",
        "manifest": manifest().model_dump(mode="json"),
        "version": "1.0.0",
        "generation": 1,
        "state": "enabled",
        "enabled": True,
        "enabled_at": LONG_AGO,
        "updated_at": LONG_AGO,
    }
    return Agent(**{**row, **changes})


def beat(state: str = "ready", **changes: Any) -> Heartbeat:
    values = {
        "org_id": "o",
        "agent": "sample",
        "instance": "one",
        "version": "1.0.0",
        "manifest_digest": manifest().digest(),
        "state": state,
        "started_at": LONG_AGO,
        "generation": 1,
    }
    return Heartbeat.model_validate({**values, **changes})


@pytest.mark.parametrize(
    ("row", "beats", "silent", "state"),
    [
        (agent(), [beat()], 0, "enabled"),
        (agent(), [beat("starting")], 0, "enabled"),
        (agent(state="installed"), [beat("starting")], 0, "installed"),
        (agent(), [beat("failing")], 0, "failed"),
        (agent(), [beat("failing"), beat(instance="two")], 0, "degraded"),
        (agent(), [], 5, "enabled"),
        (agent(), [], 60, "failed"),
        (agent(updated_at=NOW, state="installed"), [], 60, "installed"),
        (agent(enabled=False), [], 60, "disabled"),
        (agent(enabled=False, enabled_at=None), [beat("disabled")], 0, "installed"),
        (agent(), [beat(version="0.9.0")], 0, "degraded"),
        (agent(generation=2), [beat(version="0.9.0"), beat(generation=2, instance="two")], 0, "enabled"),
    ],
)
def test_state_from_heartbeats(row: Agent, beats: list[Heartbeat], silent: int, state: str) -> None:
    assert standing(row, beats, silent_for=timedelta(seconds=silent), now=NOW).state == state


def test_silence_is_longer_than_a_restart() -> None:
    assert timedelta(seconds=10) < SILENCE


@pytest.mark.parametrize(
    ("beats", "passed", "verdict", "reason"),
    [
        ([beat()], False, "pending", ""),
        ([beat(version="2.0.0", generation=2)], False, "done", ""),
        ([beat("disabled", version="2.0.0", generation=2)], False, "done", ""),
        ([beat("failing", version="2.0.0", generation=2, error="no")], False, "rollback", "no"),
        ([beat()], True, "rollback", "no heartbeat in time"),
        ([beat(version="1.5.0", generation=2)], True, "rollback", "is version 1.5.0"),
    ],
)
def test_verdict_on_an_upgrade(beats: list[Heartbeat], passed: bool, verdict: str, reason: str) -> None:
    deadline = NOW - timedelta(seconds=1) if passed else NOW + timedelta(seconds=1)
    row = agent(version="2.0.0", generation=2, upgrade_deadline=deadline)
    found, why = upgrade_verdict(row, beats, now=NOW)
    assert found == verdict
    assert reason in why
