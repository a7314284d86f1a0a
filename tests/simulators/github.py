"""GitHub's commit status API, as far as https://docs.github.com/en/rest/commits/statuses promises it."""

import itertools
import re
from typing import Any

from tests.simulators.forge import ForgeSimulator

_PATH = re.compile(r"/repos/([^/]+/[^/]+)/statuses/([0-9a-f]{40})")


class GitHubSimulator(ForgeSimulator):
    """``statuses`` holds ``{repository, commit, state, context, description, target_url}``."""

    @property
    def states(self) -> list[str]:
        """In turn; one that was sent again, since its answer was late, is the same."""
        return [state for state, _ in itertools.groupby(status["state"] for status in self.statuses)]

    def respond(self, path: str, headers: Any, body: dict[str, Any]) -> tuple[int, Any]:
        match = _PATH.fullmatch(path)
        if headers.get("Authorization") != f"Bearer {self.token}":
            return 401, {"message": "Bad credentials"}
        if match is None:
            return 404, {"message": "Not Found"}
        if body.get("state") not in {"error", "failure", "pending", "success"}:
            return 422, {"message": "Validation Failed"}
        if len(body.get("description") or "") > 140:
            return 422, {
                "message": "Validation Failed",
                "errors": ["description is too long (maximum is 140 characters)"],
            }
        self.statuses.append({"repository": match[1], "commit": match[2], **body})
        return 201, {"id": len(self.statuses), **body}
