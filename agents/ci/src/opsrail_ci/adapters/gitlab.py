"""GitLab, self-managed or not: commit statuses and git over HTTP."""

from urllib.parse import quote

from pydantic import SecretStr

from opsrail_ci.adapters.base import CommitState, CommitStatus, GitLogin
from opsrail_ci.adapters.http import needed, post
from opsrail_sdk.errors import Refused

DEFAULT_API = "https://gitlab.com/api/v4"
_STATES = {
    CommitState.PENDING: "pending",
    CommitState.RUNNING: "running",
    CommitState.SUCCESS: "success",
    CommitState.FAILURE: "failed",
    CommitState.ERROR: "failed",
    CommitState.CANCELLED: "canceled",
}
_DESCRIPTION_LIMIT = 255


class GitLab:
    """One GitLab, one token (personal, project or group)."""

    def __init__(
        self, api_url: str, token: SecretStr | None, *, login: bool = True, allow_private: bool = True
    ) -> None:
        self._api = api_url.rstrip("/")
        self._token = token
        self._login = login
        self._allow_private = allow_private

    def login(self) -> GitLogin | None:
        return GitLogin("oauth2", self._token) if self._token and self._login else None

    async def set_status(self, status: CommitStatus) -> None:
        # https://docs.gitlab.com/api/commits/#set-commit-pipeline-status
        headers = {"PRIVATE-TOKEN": needed(self._token)}
        body = {
            "state": _STATES[status.state],
            "name": status.context,
            "ref": status.ref.removeprefix("refs/heads/").removeprefix("refs/tags/"),
            "description": status.description[:_DESCRIPTION_LIMIT],
        }
        if status.target_url:
            body["target_url"] = status.target_url
        url = f"{self._api}/projects/{quote(status.repository, safe='')}/statuses/{status.commit}"
        try:
            await post(url, headers=headers, body=body, allow_private=self._allow_private)
        except Refused as refused:
            if "Cannot transition status" not in str(refused):  # it is in that state already: a repeated run
                raise
