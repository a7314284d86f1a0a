"""The CD agent: who it is, and its parts put together."""

from opsrail_cd.queries.workloads import workloads
from opsrail_cd.settings import CdConfig
from opsrail_sdk import Agent, Maturity, Panel, Permission

agent = Agent(
    id="cd",
    title="CD",
    description="Shows what runs where and how well: containers of a Docker host, workloads of a cluster.",
    version="0.1.0",
    owner="opsrail",
    module="opsrail_cd",
    maturity=Maturity.ALPHA,
    config=CdConfig,
    permissions=(
        Permission(name="docker", reason="List containers and their health."),
        Permission(name="kubernetes", reason="List deployments, stateful sets and daemon sets."),
    ),
    connections=("docker", "kubernetes"),
    panels=(
        Panel(
            id="workloads",
            title="Workloads",
            kind="table",
            query="workloads",
            rows="workloads",
            columns=("name", "kind", "namespace", "images", "ready", "desired", "health", "reason"),
        ),
    ),
    queries=(workloads,),
)
