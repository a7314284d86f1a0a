"""Values that are kept for agents: no outside system stands behind them."""

from opsrail.connections.kinds.base import Kind, NoSettings

KINDS = (Kind("secret", "Secret values", NoSettings, {"value": "A password, token or key"}, free_secrets=True),)
