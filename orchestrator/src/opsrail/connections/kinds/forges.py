"""Where code lives and is built."""

from pydantic import Field

from opsrail.connections.kinds.base import GitAddress, HttpAddress, Kind, KindSettings


class GitHub(KindSettings):
    api_url: HttpAddress = Field(default="https://api.github.com", description="REST API; GHES: https://HOST/api/v3")
    repositories: list[str] = Field(
        default_factory=list, description="Full names, `*` as wildcard, that are served; empty for all"
    )


class GitLab(KindSettings):
    api_url: HttpAddress = Field(default="https://gitlab.com/api/v4", description="REST API")
    repositories: list[str] = Field(
        default_factory=list, description="Full paths, `*` as wildcard, that are served; empty for all"
    )


class Jenkins(KindSettings):
    url: HttpAddress | None = Field(default=None, description="Jenkins itself, where jobs are started or read")
    username: str | None = Field(default=None, description="User that the API token belongs to")


class Git(KindSettings):
    url: GitAddress = Field(description="Clone address of the repository, or the host that it is on")
    username: str = Field(default="git", description="User that the password or key belongs to")


KINDS = (
    Kind("github", "GitHub", GitHub, {"token": "Token for cloning and commit statuses"}, hooks=True),
    Kind("gitlab", "GitLab", GitLab, {"token": "Token for cloning and commit statuses"}, hooks=True),
    Kind("jenkins", "Jenkins", Jenkins, {"token": "API token of the user"}, hooks=True),
    Kind("git", "Git server", Git, {"password": "Password or token", "private_key": "SSH private key, PEM"}),
)
