"""How a Docker container is. Pure.

Fields as in the Engine API: https://docs.docker.com/reference/api/engine/version/v1.41/#operation/ContainerInspect
"""

from collections.abc import Mapping
from typing import Any

from opsrail_cd.adapters.base import Health

_LONGEST_REASON = 300


def container_health(  # noqa: PLR0911 (one answer per state)
    state: Mapping[str, Any], restarts: int
) -> tuple[Health, str | None]:
    """Health and reason from ``State`` and ``RestartCount`` of an inspected container."""
    match state.get("Status"):
        case "running":
            return _running(state)
        case "restarting":
            return "degraded", f"keeps restarting ({restarts} times); {_exit(state)}"
        case "exited":
            if state.get("ExitCode") == 0:
                return "stopped", "ended with exit code 0"
            return "degraded", _exit(state)
        case "dead":
            return "degraded", f"dead: {state.get('Error') or 'could not be removed'}"
        case "created":
            return ("degraded", str(state["Error"])) if state.get("Error") else ("stopped", "never started")
        case "paused":
            return "stopped", "paused"
        case "removing":
            return "progressing", "is being removed"
        case other:
            return "unknown", f"the engine says {other!r}"


def _running(state: Mapping[str, Any]) -> tuple[Health, str | None]:
    check = state.get("Health") or {}
    match check.get("Status"):
        case "unhealthy":
            last = (check.get("Log") or [{}])[-1]
            said = str(last.get("Output") or "").strip()[:_LONGEST_REASON]
            failures = check.get("FailingStreak", 0)
            return "degraded", f"health check failed {failures} times" + (f": {said}" if said else "")
        case "starting":
            return "progressing", "health check has not passed yet"
        case _:
            return "healthy", None


def _exit(state: Mapping[str, Any]) -> str:
    if state.get("OOMKilled"):
        return "killed for using too much memory"
    told = f": {state['Error']}" if state.get("Error") else ""
    return f"exit code {state.get('ExitCode')}{told}"
