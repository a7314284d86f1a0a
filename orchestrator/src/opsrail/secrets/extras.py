"""Libraries that only some installations need, imported when they are, with a word on how to get them."""

import importlib
from typing import Any


class ExtraMissing(Exception):
    """A setting asks for a library that is not installed."""


def imported(module: str, *, extra: str) -> Any:
    """The module.

    Raises:
        ExtraMissing: naming the extra to install.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ExtraMissing(f"this needs the extra `{extra}`: pip install 'opsrail[{extra}]'") from error
