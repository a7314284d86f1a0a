"""The Cloud agent: who it is, and its parts put together."""

from opsrail_cloud.queries.identity import identity
from opsrail_cloud.settings import CloudConfig
from opsrail_sdk import Agent, Maturity, Panel, Permission

agent = Agent(
    id="cloud",
    title="Cloud",
    description="Says who we are at the cloud provider, and with which rights we came in.",
    version="0.1.0",
    owner="opsrail",
    module="opsrail_cloud",
    maturity=Maturity.ALPHA,
    config=CloudConfig,
    permissions=(
        Permission(name="sts:GetCallerIdentity", reason="Say which account and principal a connection is."),
        Permission(name="sts:AssumeRole", reason="Take the role that a connection names."),
    ),
    connections=("aws",),
    panels=(Panel(id="identity", title="Identity", kind="json", query="identity"),),
    queries=(identity,),
)
