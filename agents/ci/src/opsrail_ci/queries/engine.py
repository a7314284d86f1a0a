"""``ci.engine``: where steps can run on this agent. Read by the dashboard and by people who wonder."""

from pydantic import BaseModel, ConfigDict, Field

from opsrail_ci import engine as docker
from opsrail_ci.settings import CiConfig
from opsrail_sdk import QueryContext, query


class Nothing(BaseModel):
    """No input."""

    model_config = ConfigDict(extra="forbid")


class Runner(BaseModel):
    """One way to run steps."""

    name: str
    available: bool
    detail: str


class EngineReport(BaseModel):
    """What this agent can do right now."""

    docker: str | None = Field(description="Version of the Docker engine, if one answers.")
    builds_images: bool
    runners: list[Runner]


@query(title="Runners and engine")
async def engine(ctx: QueryContext[CiConfig], input: Nothing) -> EngineReport:
    """Is there a Docker engine, and which runners may be used."""
    found = await docker.connect()
    try:
        version = found.version if found else None
        shares = found is not None and found.shares_files
    finally:
        if found is not None:
            await found.close()
    allowed = ctx.config.runners
    host = Runner(name="host", available="host" in allowed, detail="as the agent's own user")
    if "image" not in allowed:
        detail = "not allowed by the operator"
    elif version is None:
        detail = "no Docker engine answers"
    else:
        detail = f"Docker {version}" if shares else "the Docker engine is on another machine"
    image = Runner(name="image", available="image" in allowed and shares, detail=detail)
    if not host.available:
        host = host.model_copy(update={"detail": "not allowed by the operator"})
    return EngineReport(docker=version, builds_images=version is not None, runners=[host, image])
