"""Agents whose packages are installed beside the orchestrator, found by the entry point group ``opsrail.agents``.

Reading the group imports no agent: the id and the module are in the package's metadata.
"""

from dataclasses import dataclass
from importlib.metadata import entry_points

GROUP = "opsrail.agents"


@dataclass(frozen=True)
class Offer:
    """A package that holds an agent."""

    id: str
    module: str
    version: str


def offers() -> list[Offer]:
    """Everything on offer, by id; read afresh, since packages come and go while we run."""
    found = {
        point.name: Offer(point.name, point.value, point.dist.version if point.dist else "0")
        for point in entry_points(group=GROUP)
    }
    return [found[name] for name in sorted(found)]


def of_module(module: str) -> Offer | None:
    return next((offer for offer in offers() if offer.module == module), None)
