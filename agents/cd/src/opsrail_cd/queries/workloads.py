"""``cd.workloads``: what runs on a Docker host or in a cluster, and how well."""

from datetime import timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from opsrail_cd.adapters import docker_host, kubernetes
from opsrail_cd.adapters.base import Workload
from opsrail_cd.settings import CdConfig
from opsrail_sdk import QueryContext, query
from opsrail_sdk.errors import InvalidInput


class WorkloadsInput(BaseModel):
    model_config = ConfigDict(extra="forbid")

    connection: str | None = Field(
        default=None, description="Connection, by name or id; the configured one if unset."
    )
    namespace: str | None = Field(
        default=None, pattern=r"^[a-z0-9]([a-z0-9_.-]{0,61}[a-z0-9])?$", description="Namespace or Compose project."
    )


class Workloads(BaseModel):
    platform: Literal["docker", "kubernetes"]
    workloads: list[Workload]
    unhealthy: int = Field(description="How many are neither healthy nor stopped on purpose.")


@query(title="Workloads", timeout=timedelta(seconds=20), cache=timedelta(seconds=3))
async def workloads(ctx: QueryContext[CdConfig], input: WorkloadsInput) -> Workloads:
    """What runs, with health and the reason where it is not well."""
    name = input.connection or ctx.config.connection
    connection = await ctx.connection(name) if name else None
    if connection is None or connection.kind == "docker":
        found = await docker_host.list_workloads(connection, namespace=input.namespace)
        platform: Literal["docker", "kubernetes"] = "docker"
    elif connection.kind == "kubernetes":
        found = await kubernetes.list_workloads(connection, namespace=input.namespace)
        platform = "kubernetes"
    else:
        raise InvalidInput(f"{connection.name} is a {connection.kind} connection; docker or kubernetes is needed")
    found.sort(key=lambda workload: (workload.namespace or "", workload.name))
    return Workloads(
        platform=platform,
        workloads=found,
        unhealthy=sum(workload.health not in ("healthy", "stopped") for workload in found),
    )
