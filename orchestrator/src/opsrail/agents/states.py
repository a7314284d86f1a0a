"""What an agent's state is, from its row and its heartbeats. Pure; used by ``supervision``."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from opsrail.agents.models import Agent
from opsrail_sdk.contracts.run import Heartbeat

SILENCE = timedelta(seconds=20)
"""How long an enabled agent may have no living instance before it counts as failed: a restart takes less."""

Verdict = Literal["pending", "done", "rollback"]


@dataclass(frozen=True)
class Standing:
    """State and, where it is not well, why."""

    state: str
    error: str | None


def standing(agent: Agent, beats: Sequence[Heartbeat], *, silent_for: timedelta, now: datetime) -> Standing:
    """How an agent stands.

    Args:
        silent_for: time since the last heartbeat of any instance; zero while there are some.
    """
    if not agent.enabled:
        return Standing("disabled" if agent.enabled_at else "installed", agent.upgrade_error)
    if not beats:
        if min(silent_for, now - agent.updated_at) < SILENCE:
            return Standing(agent.state, agent.error)
        return Standing("failed", "no instance is alive")
    current = [beat for beat in beats if beat.generation >= agent.generation] or list(beats)
    failing = [beat for beat in current if beat.state == "failing"]
    ready = [beat for beat in current if beat.state == "ready"]
    if failing:
        reason = failing[0].error or "an instance is failing"
        return Standing("degraded" if ready else "failed", reason)
    if not ready:
        return Standing(agent.state, agent.error)
    strange = None if agent.upgrade_deadline else _difference(agent, ready)
    return Standing("degraded", strange) if strange else Standing("enabled", agent.upgrade_error)


def _difference(agent: Agent, ready: Sequence[Heartbeat]) -> str | None:
    """How the running code differs from what is installed."""
    other = next((beat.version for beat in ready if beat.version != agent.version), None)
    if other is not None:
        return f"version {other} is running, {agent.version} is installed: upgrade the agent"
    digest = agent.parsed_manifest().digest()
    if any(beat.manifest_digest != digest for beat in ready):
        return "the running code differs from the installed manifest: upgrade the agent"
    return None


def upgrade_verdict(agent: Agent, beats: Sequence[Heartbeat], *, now: datetime) -> tuple[Verdict, str]:
    """Whether a pending upgrade has worked out, and why not if so."""
    deadline = agent.upgrade_deadline
    if deadline is None:
        return "done", ""
    news = [beat for beat in beats if beat.generation >= agent.generation and beat.version == agent.version]
    if any(beat.state in ("ready", "disabled") for beat in news):
        return "done", ""
    failing = next((beat for beat in news if beat.state == "failing"), None)
    if failing is not None:
        return "rollback", failing.error or "the new version reports that it cannot work"
    if now >= deadline:
        seen = sorted({beat.version for beat in beats if beat.generation >= agent.generation})
        return "rollback", (
            f"the process that was started is version {', '.join(seen)}"
            if seen and not news
            else "the new version sent no heartbeat in time"
        )
    return "pending", ""
