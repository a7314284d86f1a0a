"""The IaC agent: who it is, and its parts put together."""

from opsrail_iac.queries.validate import validate
from opsrail_iac.settings import IacConfig
from opsrail_sdk import Agent, Maturity, Permission

agent = Agent(
    id="iac",
    title="IaC",
    description="Checks Terraform configurations with Terraform itself, and says what is wrong and where.",
    version="0.1.0",
    owner="opsrail",
    module="opsrail_iac",
    maturity=Maturity.ALPHA,
    config=IacConfig,
    permissions=(
        Permission(name="folders", reason="Read configurations below the folders that the config allows."),
        Permission(name="terraform", reason="Run Terraform, which downloads and starts the providers it needs."),
    ),
    queries=(validate,),
)
