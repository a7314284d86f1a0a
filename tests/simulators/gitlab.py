"""GitLab commit statuses, as https://docs.gitlab.com/api/commits/#set-commit-pipeline-status promises them."""

import itertools
import re
from typing import Any
from urllib.parse import unquote

from tests.simulators.forge import ForgeSimulator

_PATH = re.compile(r"/projects/([^/]+)/statuses/([0-9a-f]{40})")


class GitLabSimulator(ForgeSimulator):
    """``statuses`` holds ``{repository, commit, state, name, ref, description, target_url}``."""

    @property
    def states(self) -> list[str]:
        """In turn; one that was sent again, since its answer was late, is the same."""
        return [state for state, _ in itertools.groupby(status["state"] for status in self.statuses)]

    def respond(self, path: str, headers: Any, body: dict[str, Any]) -> tuple[int, Any]:
        match = _PATH.fullmatch(path)
        if headers.get("PRIVATE-TOKEN") != self.token:
            return 401, {"message": "401 Unauthorized"}
        if match is None:
            return 404, {"message": "404 Project Not Found"}
        if body.get("state") not in {"pending", "running", "success", "failed", "canceled", "skipped"}:
            return 400, {"error": "state does not have a valid value"}
        now = [s["state"] for s in self.statuses if (s["commit"], s["name"]) == (match[2], body["name"])]
        if now and now[-1] == body["state"]:
            return 400, {"message": f"Cannot transition status via :{body['state']} from :{now[-1]}"}
        self.statuses.append({"repository": unquote(match[1]), "commit": match[2], **body})
        return 201, {"id": len(self.statuses), **body}
