"""From a connection to the forge behind it. Called by the run and by ``tag_version``."""

from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from opsrail_ci.adapters import github, gitlab
from opsrail_ci.adapters.base import CommitStatus, Forge, GitLogin
from opsrail_sdk.context import QueryContext
from opsrail_sdk.contracts.run import ConnectionSecret

KINDS = ("github", "gitlab", "git")
"""Kinds of connections that repositories come from."""

_DEFAULT_APIS = {"github": github.DEFAULT_API, "gitlab": gitlab.DEFAULT_API}


class PlainGit:
    """A git server with nothing around it: no place for statuses."""

    def __init__(self, login: GitLogin | None) -> None:
        self._login = login

    def login(self) -> GitLogin | None:
        return self._login

    async def set_status(self, status: CommitStatus) -> None:
        """There is nowhere to show it."""


async def forge(ctx: QueryContext[Any], connection_id: str | None, clone_url: str) -> Forge:
    """The forge of a connection; plain git without credentials where none is named.

    A login is only given to the host that the connection is for: the clone address came with the request.

    Raises:
        NotFound, Refused: as ``ctx.connection``.
    """
    if connection_id is None:
        return PlainGit(None)
    connection = await ctx.connection(connection_id)
    return from_connection(connection, trusted=urlsplit(clone_url).hostname in hosts(connection))


def from_connection(connection: ConnectionSecret, *, trusted: bool) -> Forge:
    """The adapter for a connection.

    Args:
        trusted: whether git may log in with the connection's credentials.
    """
    token = connection.secrets.get("token")
    secret = SecretStr(token) if token else None
    api_url = str(connection.settings.get("api_url") or _DEFAULT_APIS.get(connection.kind, ""))
    if connection.kind == "github":
        return github.GitHub(api_url, secret, login=trusted, allow_private=connection.allow_private)
    if connection.kind == "gitlab":
        return gitlab.GitLab(api_url, secret, login=trusted, allow_private=connection.allow_private)
    password = connection.secrets.get("password")
    username = str(connection.settings.get("username") or "git")
    return PlainGit(GitLogin(username, SecretStr(password)) if password and trusted else None)


def hosts(connection: ConnectionSecret) -> set[str | None]:
    """Hosts that may be given the connection's credentials."""
    address = connection.settings.get("api_url") or connection.settings.get("url")
    host = urlsplit(str(address or _DEFAULT_APIS.get(connection.kind, ""))).hostname
    return {host, "github.com"} if host == "api.github.com" else {host}
