"""Imports without what they bring along for its own sake. At work from the first import of ``opsrail_sdk``.

Well-kept libraries import further ones wherever they are installed, for features that nobody here uses: nats-py
brings aiohttp for NATS over WebSockets, structlog brings rich for coloured tracebacks, httpx brings rich and click
for a command line of its own, redis-py brings OpenTelemetry's SDK for metrics. Together they are a third of the CPU
that the start of an agent costs. Each is optional to the one that asks, so it is told that there is none; others
get it.

And pydantic reads the entry points of every installed package, for plugins of its own; it finds none of ours. Whoever
has one that is to be used sets ``PYDANTIC_DISABLE_PLUGINS`` to nothing.
"""

import gc
import os
import sys
import warnings
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

_NOT_FOR: dict[str, frozenset[str]] = {
    "aiohttp": frozenset({"nats"}),
    "click": frozenset({"httpx"}),
    "opentelemetry.sdk": frozenset({"redis"}),
    "pygments": frozenset({"httpx"}),
    "rich": frozenset({"httpx", "structlog"}),
}
"""Packages, and who does not get them."""

_USUAL = gc.get_threshold()[0]
_SELDOM = 100_000
"""Objects between two collections: importing makes many, and next to none of them is garbage."""


class _Withheld:
    """The finder that is asked first; it never finds anything itself."""

    @staticmethod
    def find_spec(
        name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """None, so that the next finder looks.

        Raises:
            ModuleNotFoundError: the importing package does not get this one.
        """
        kept_from = _NOT_FOR.get(name)
        if kept_from and _importer() in kept_from and not (name == "aiohttp" and _websockets_wanted()):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


def install() -> None:
    """Be asked before every other finder, and collect garbage seldom until ``settled``; again changes nothing."""
    if _Withheld not in sys.meta_path:
        sys.meta_path.insert(0, _Withheld)
        os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
        gc.set_threshold(_SELDOM, *gc.get_threshold()[1:])


def settled() -> None:
    """The code is loaded: it stays for good, so the collector need not look through it, and works as usual again."""
    gc.freeze()
    gc.set_threshold(_USUAL, *gc.get_threshold()[1:])


def defer_models() -> None:
    """Have pydantic build the validators of the models defined from now on when they are first used.

    For a process that defines hundreds and uses a few of them before it serves.
    """
    from pydantic import BaseModel  # noqa: PLC0415 - not every process needs it
    from pydantic.warnings import UnsupportedFieldAttributeWarning  # noqa: PLC0415

    BaseModel.model_config["defer_build"] = True
    # FastAPI silences it while it makes a route's fields, which is now before they are built.
    warnings.simplefilter("ignore", UnsupportedFieldAttributeWarning)


def _importer() -> str:
    """The top-level package whose code stands at the import statement."""
    frame = sys._getframe(2)  # noqa: SLF001 - inspect's way to it would cost more than most imports
    while frame.f_back and frame.f_code.co_filename.startswith("<frozen importlib"):
        frame = frame.f_back
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _websockets_wanted() -> bool:
    """Whether the bus is to be reached by ``ws://`` or ``wss://``, for which nats-py needs aiohttp."""
    return any(
        url.strip().startswith(("ws://", "wss://")) for url in os.environ.get("OPSRAIL_NATS_URL", "").split(",")
    )
