"""What can be set: the process's own settings, and the config that operators fill in."""

from datetime import timedelta
from functools import lru_cache
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from opsrail_ci.pipeline.model import Event


class ProcessSettings(BaseSettings):
    """Settings of the agent's process, from the environment (``OPSRAIL_CI_*``)."""

    model_config = SettingsConfigDict(env_prefix="OPSRAIL_CI_")

    allow_file_urls: bool = Field(
        default=False, description="Clone from folders of this machine too; for tests and demonstrations."
    )
    kill_grace: timedelta = Field(
        default=timedelta(seconds=3), description="Between asking a step to end and killing it."
    )
    clone_timeout: timedelta = Field(default=timedelta(minutes=10), description="Longest time of one git command.")


@lru_cache
def process_settings() -> ProcessSettings:
    return ProcessSettings()


class Config(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Secret(Config):
    """A secret that pipelines may use, and where its value is kept."""

    name: str = Field(description="As pipelines call it.", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    connection: str = Field(description="Connection that holds the value.")
    key: str = Field(default="value", description="Which of the connection's secrets.")
    repositories: list[str] = Field(default=["*"], description="Repositories that may use it, globs.")
    events: list[Event] = Field(
        default=[Event.PUSH, Event.TAG, Event.MANUAL],
        description="Events that may use it. Pull requests from forks never do.",
    )
    images: list[str] = Field(
        default=[], description="Only steps in these images get it, globs; empty means every step."
    )


class ContainerLimits(Config):
    """What a step in an image may use."""

    memory: str = Field(default="2g", description="Memory, in Docker's notation.", pattern=r"^\d+[bkmg]$")
    pids: int = Field(default=512, ge=16, description="Processes and threads.")
    cpus: float = Field(default=2.0, gt=0, description="CPUs.")
    network: str = Field(default="bridge", description="Docker network; `none` cuts steps off.")
    capabilities: list[str] = Field(default=[], description="Linux capabilities given back; all are dropped.")
    user: str = Field(default="", description="User in the container; empty means the agent's own uid and gid.")


class CiConfig(Config):
    """How this organisation wants its pipelines run."""

    public_url: str | None = Field(
        default=None,
        description="Address of the dashboard, for links in commit statuses.",
        pattern=r"^https?://[^\s]+$",
    )
    repositories: list[str] = Field(default=["*"], description="Repositories whose pushes start pipelines, globs.")
    pull_requests: Literal["none", "same_repository", "all"] = Field(
        default="same_repository",
        description="Which pull requests run. `all` includes forks, which never get secrets.",
    )
    runners: list[Literal["host", "image"]] = Field(
        default=["host", "image"],
        description="Where steps may run. `host` runs them as the agent's own user: only for code you trust.",
    )
    default_image: str | None = Field(
        default=None, description="Image of steps that name none, where `host` is not among the runners."
    )
    registry: str | None = Field(default=None, description="Registry connection that images are pushed to.")
    secrets: list[Secret] = Field(default=[], description="Secrets that pipelines may use.")
    artifact_keep: timedelta = Field(default=timedelta(days=30), description="How long artifacts are kept.")
    artifact_max_files: int = Field(default=500, ge=1, description="Files that one run may keep.")
    output_limit: int = Field(
        default=16 * 1024 * 1024, ge=1024, description="Bytes of output kept of one step; the rest is counted."
    )
    status_context: str = Field(default="opsrail/ci", description="Name of our commit status.")
    containers: ContainerLimits = ContainerLimits()
