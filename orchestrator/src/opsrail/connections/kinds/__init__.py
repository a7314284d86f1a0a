"""The kinds of outside systems that we know. A new one is an entry in one of these files and in ``KINDS``."""

from collections.abc import Mapping

from opsrail.connections.kinds import alerts, clouds, forges, platforms, values
from opsrail.connections.kinds.base import Kind

KINDS: Mapping[str, Kind] = {
    kind.name: kind for group in (forges, alerts, platforms, clouds, values) for kind in group.KINDS
}

__all__ = ["KINDS", "Kind"]
