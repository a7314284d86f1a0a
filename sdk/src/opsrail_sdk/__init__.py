"""Opsrail's SDK: all that an agent imports. The short names here are the public surface."""

# First, while what they need not bring is out of sight.
from opsrail_sdk.lean import websockets_wanted, without

with without("rich", *(() if websockets_wanted() else ("aiohttp",))):
    import nats.aio.client  # noqa: F401
    import structlog.dev  # noqa: F401

from opsrail_sdk.agent import (
    Action,
    Agent,
    NoConfig,
    Query,
    Schedule,
    Subscription,
    action,
    every,
    query,
    subscribe,
)
from opsrail_sdk.context import ActionContext, Context, EventContext, QueryContext
from opsrail_sdk.contracts.cloudevent import CloudEvent
from opsrail_sdk.contracts.manifest import Manifest, Maturity, Panel, Permission, Risk

__all__ = [
    "Action",
    "ActionContext",
    "Agent",
    "CloudEvent",
    "Context",
    "EventContext",
    "Manifest",
    "Maturity",
    "NoConfig",
    "Panel",
    "Permission",
    "Query",
    "QueryContext",
    "Risk",
    "Schedule",
    "Subscription",
    "action",
    "every",
    "query",
    "subscribe",
]
