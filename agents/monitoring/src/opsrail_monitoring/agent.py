"""The Monitoring agent: who it is, and its parts put together."""

from opsrail_monitoring.queries.rank_causes import rank_causes
from opsrail_monitoring.queries.score import score
from opsrail_monitoring.queries.series import series
from opsrail_monitoring.settings import MonitoringConfig
from opsrail_sdk import Agent, Maturity, Panel, Permission

agent = Agent(
    id="monitoring",
    title="Monitoring",
    description="Reads metrics where they are kept, finds what is odd in them, and ranks the causes of incidents.",
    version="0.1.0",
    owner="opsrail",
    module="opsrail_monitoring",
    maturity=Maturity.ALPHA,
    config=MonitoringConfig,
    permissions=(Permission(name="prometheus", reason="Run PromQL queries; nothing is written."),),
    connections=("prometheus",),
    panels=(
        Panel(
            id="up",
            title="Targets",
            kind="timeseries",
            query="series",
            input={"query": "up", "last": "PT1H"},
            rows="series",
        ),
    ),
    queries=(series, score, rank_causes),
)
