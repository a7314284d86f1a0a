"""Opsrail's SDK: all that an agent imports. The short names here are the public surface.

They are loaded when they are first asked for, because whoever needs the contracts alone imports this too.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from opsrail_sdk import lean

if TYPE_CHECKING:
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

lean.install()

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

_HOMES = ("agent", "context", "contracts.cloudevent", "contracts.manifest")


def __getattr__(name: str) -> object:
    if name in __all__:
        for home in _HOMES:
            module = import_module(f"opsrail_sdk.{home}")
            if hasattr(module, name):
                globals()[name] = getattr(module, name)
                return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
