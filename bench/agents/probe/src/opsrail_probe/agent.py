"""Who the probe is."""

from datetime import timedelta

from pydantic import BaseModel

from opsrail_sdk import ActionContext, Agent, CloudEvent, EventContext, Maturity, NoConfig, Risk, action, subscribe

PING = "io.opsrail.bench.ping.v1"


class Pong(BaseModel):
    number: int


@action(risk=Risk.READ, idempotent=True, timeout=timedelta(seconds=30))
async def pong(ctx: ActionContext[NoConfig], input: Pong) -> Pong:
    """Answer a ping."""
    return input


@subscribe(PING)
async def ping(ctx: EventContext[NoConfig], event: CloudEvent) -> None:
    """Ask for a pong."""
    await ctx.request("probe.pong", Pong(number=event.data["number"]))


agent = Agent(
    id="probe",
    title="Probe",
    description="Measures the way from a hook to an agent",
    version="0.1.0",
    owner="opsrail",
    module="opsrail_probe",
    maturity=Maturity.STABLE,
    requests=("probe.pong",),
    actions=(pong,),
    subscriptions=(ping,),
)
