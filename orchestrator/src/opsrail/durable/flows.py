"""Flows by name and version. A worker runs the versions that it knows; others wait for one that does."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opsrail.durable.context import FlowContext

Function = Callable[["FlowContext", dict[str, Any]], Awaitable[dict[str, Any] | None]]


@dataclass(frozen=True)
class Flow:
    """A function marked as a flow. Change ``version`` when a change would not fit journals that are under way."""

    name: str
    version: int
    function: Function


def flow(name: str, *, version: int = 1) -> Callable[[Function], Flow]:
    """Mark a function as a flow."""

    def mark(function: Function) -> Flow:
        return Flow(name, version, function)

    return mark


class Registry:
    """The flows that a process knows; several versions of one name side by side.

    Raises:
        ValueError: the same name and version twice.
    """

    def __init__(self, *flows: Flow) -> None:
        self._flows: dict[tuple[str, int], Flow] = {}
        for each in flows:
            if (each.name, each.version) in self._flows:
                raise ValueError(f"flow {each.name} version {each.version} is there twice")
            self._flows[each.name, each.version] = each

    def find(self, name: str, version: int) -> Flow | None:
        return self._flows.get((name, version))

    def newest(self, name: str) -> Flow | None:
        versions = [version for known, version in self._flows if known == name]
        return self._flows[name, max(versions)] if versions else None

    def known(self) -> list[tuple[str, int]]:
        return list(self._flows)
