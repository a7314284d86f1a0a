"""The CI agent: who it is, and its parts put together."""

from opsrail_ci.actions.run_pipeline import run_pipeline
from opsrail_ci.actions.tag_version import tag_version
from opsrail_ci.adapters.connect import KINDS
from opsrail_ci.events import EMITS
from opsrail_ci.queries.engine import engine
from opsrail_ci.queries.pipelines import pipelines
from opsrail_ci.settings import CiConfig
from opsrail_ci.subscriptions.pull_request import pull_request
from opsrail_ci.subscriptions.push import push
from opsrail_sdk import Agent, Maturity, Panel, Permission

agent = Agent(
    id="ci",
    title="CI",
    description="Turns every push into a tested, stored and published result, by the repository's own pipeline.",
    version="0.1.0",
    owner="opsrail",
    module="opsrail_ci",
    maturity=Maturity.BETA,
    config=CiConfig,
    permissions=(
        Permission(name="git", reason="Clone the pushed commit; push version tags where a pipeline asks for it."),
        Permission(name="forge", reason="Show the result beside the commit."),
        Permission(name="host", reason="Run steps as the agent's own user, unless the host runner is switched off."),
        Permission(name="docker", reason="Run steps in containers and build images, where an engine is there."),
        Permission(name="registry", reason="Push images."),
    ),
    connections=(*KINDS, "registry", "secret"),
    requests=("ci.run_pipeline",),
    emits=EMITS,
    panels=(
        Panel(
            id="runners",
            title="Runners",
            kind="table",
            query="engine",
            rows="runners",
            columns=("name", "available", "detail"),
        ),
        Panel(id="engine", title="Engine", kind="json", query="engine"),
    ),
    actions=(run_pipeline, tag_version),
    queries=(engine, pipelines),
    subscriptions=(push, pull_request),
)
