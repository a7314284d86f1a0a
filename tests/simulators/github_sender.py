"""GitHub as a sender of webhooks: push payloads and their signature.

Form: https://docs.github.com/en/webhooks/webhook-events-and-payloads#push and
https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
"""

import hashlib
import hmac
import time
import uuid
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson

NOBODY = "0" * 40
REPEATS = 20


def push_payload(
    *,
    repository: str,
    clone_url: str,
    branch: str,
    after: str,
    before: str = NOBODY,
    message: str = "Change something",
    default_branch: str = "main",
    modified: tuple[str, ...] = ("README.md",),
) -> dict[str, Any]:
    """What GitHub posts when ``branch`` moves from ``before`` to ``after``."""
    owner, _, name = repository.partition("/")
    commit = {
        "id": after,
        "tree_id": after,
        "distinct": True,
        "message": message,
        "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
        "url": f"{clone_url}/commit/{after}",
        "author": {"name": "Ada", "email": "ada@example.com", "username": "ada"},
        "committer": {"name": "Ada", "email": "ada@example.com", "username": "ada"},
        "added": [],
        "removed": [],
        "modified": list(modified),
    }
    return {
        "ref": f"refs/heads/{branch}",
        "before": before,
        "after": after,
        "base_ref": None,
        "created": before == NOBODY,
        "deleted": False,
        "forced": False,
        "compare": f"{clone_url}/compare/{before[:12]}...{after[:12]}",
        "commits": [commit],
        "head_commit": commit,
        "pusher": {"name": "ada", "email": "ada@example.com"},
        "sender": {"login": "ada", "id": 1, "type": "User"},
        "repository": {
            "id": 42,
            "name": name,
            "full_name": repository,
            "private": False,
            "owner": {"login": owner, "name": owner, "id": 7},
            "html_url": clone_url.removesuffix(".git"),
            "url": clone_url.removesuffix(".git"),
            "clone_url": clone_url,
            "default_branch": default_branch,
            "master_branch": default_branch,
        },
    }


def signed(secret: str, event: str, payload: Any, *, delivery: str | None = None) -> tuple[bytes, dict[str, str]]:
    """A delivery as GitHub would send it: raw body and headers."""
    body = orjson.dumps(payload)
    return body, {
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/044aadd",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": delivery or str(uuid.uuid4()),
        "X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest(),
    }


def deliver(
    client: httpx.Client, connection: dict[str, Any], event: str, payload: Any, *, delivery: str | None = None
) -> httpx.Response:
    """Post a signed delivery to a connection's hook; a few times, under the same id, while the answer is to wait."""
    body, headers = signed(connection["secret"], event, payload, delivery=delivery)
    for _ in range(REPEATS):
        answer = client.post(f"/v1/hooks/{connection['id']}", content=body, headers=headers)
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            break
        time.sleep(1)
    return answer
