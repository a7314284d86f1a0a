"""A small real agent for the agent host's tests: `python -m standin_agent run`."""

from opsrail_sdk import Agent, Maturity
from opsrail_sdk.runtime import main

agent = Agent(
    id="standin",
    title="Stand-in",
    description="Lives and says so.",
    version="0.1.0",
    owner="tests",
    module="standin_agent",
    maturity=Maturity.BETA,
)

if __name__ == "__main__":
    main(agent)
