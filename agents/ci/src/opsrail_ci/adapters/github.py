"""GitHub and GitHub Enterprise Server: commit statuses and git over HTTP."""

from pydantic import SecretStr

from opsrail_ci.adapters.base import CommitState, CommitStatus, GitLogin
from opsrail_ci.adapters.http import needed, post

DEFAULT_API = "https://api.github.com"
_STATES = {
    CommitState.PENDING: "pending",
    CommitState.RUNNING: "pending",
    CommitState.SUCCESS: "success",
    CommitState.FAILURE: "failure",
    CommitState.ERROR: "error",
    CommitState.CANCELLED: "error",
}
_DESCRIPTION_LIMIT = 140


class GitHub:
    """One GitHub, one token (classic, fine-grained or of an app's installation)."""

    def __init__(
        self, api_url: str, token: SecretStr | None, *, login: bool = True, allow_private: bool = True
    ) -> None:
        self._api = api_url.rstrip("/")
        self._token = token
        self._login = login
        self._allow_private = allow_private

    def login(self) -> GitLogin | None:
        return GitLogin("x-access-token", self._token) if self._token and self._login else None

    async def set_status(self, status: CommitStatus) -> None:
        # https://docs.github.com/en/rest/commits/statuses#create-a-commit-status
        headers = {
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
            "Authorization": f"Bearer {needed(self._token)}",
        }
        body = {
            "state": _STATES[status.state],
            "context": status.context,
            "description": status.description[:_DESCRIPTION_LIMIT],
        }
        if status.target_url:
            body["target_url"] = status.target_url
        url = f"{self._api}/repos/{status.repository}/statuses/{status.commit}"
        await post(url, headers=headers, body=body, allow_private=self._allow_private)
