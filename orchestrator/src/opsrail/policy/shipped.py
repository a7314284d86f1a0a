"""The policies that hold where an organisation has activated none: ``default.cedar``, version 0."""

from functools import cache
from importlib.resources import files

from opsrail.policy.language import PolicySet

VERSION = 0


@cache
def policies() -> PolicySet:
    """The shipped set, parsed."""
    return PolicySet(files(__package__).joinpath("default.cedar").read_text())
