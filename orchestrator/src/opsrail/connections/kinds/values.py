"""Values that are kept for agents: no outside system stands behind them."""

from opsrail.connections.kinds.base import Kind, NoSettings

KINDS = (Kind("secret", "Secret values", NoSettings, {"token": "The value"}, free_secrets=True),)
