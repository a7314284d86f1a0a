"""The FinOps agent: who it is, and its parts put together."""

from opsrail_finops.queries.forecast import forecast
from opsrail_finops.queries.totals import totals
from opsrail_finops.settings import FinopsConfig
from opsrail_sdk import Agent, Maturity, Permission

agent = Agent(
    id="finops",
    title="FinOps",
    description="Adds up what was billed, exactly, and forecasts what will be.",
    version="0.1.0",
    owner="opsrail",
    module="opsrail_finops",
    maturity=Maturity.ALPHA,
    config=FinopsConfig,
    permissions=(Permission(name="folders", reason="Read cost files below the folders that the config allows."),),
    queries=(totals, forecast),
)
