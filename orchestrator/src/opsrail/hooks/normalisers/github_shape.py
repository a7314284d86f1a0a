"""Which GitHub event a payload is, told from its shape: for payloads that travelled without ``X-GitHub-Event``."""

from collections.abc import Mapping
from typing import Any

_NOUNS = {
    "workflow_job": "workflow_job",
    "workflow_run": "workflow_run",
    "check_run": "check_run",
    "check_suite": "check_suite",
    "deployment_status": "deployment_status",
    "deployment": "deployment",
    "release": "release",
    "review": "pull_request_review",
    "comment": "issue_comment",
    "pull_request": "pull_request",
    "issue": "issues",
}
"""Part of the payload that stands for the event, to its name; the more telling ones first."""
_AMBIENT = frozenset({"sender", "repository", "organization", "enterprise"})
"""Parts that come with any event."""


def event_of(payload: Mapping[str, Any]) -> str | None:
    """The event's name, or ``None`` where nothing in the payload tells."""
    if "ref" in payload and "after" in payload and "commits" in payload:
        return "push"
    if "ref" in payload and "ref_type" in payload:
        return "create" if "master_branch" in payload else "delete"
    if "zen" in payload:
        return "ping"
    for noun, event in _NOUNS.items():
        if noun in payload:
            return event
    return next((name for name, part in payload.items() if isinstance(part, dict) and name not in _AMBIENT), None)
