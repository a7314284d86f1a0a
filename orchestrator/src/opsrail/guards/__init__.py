"""What stands around the policies: kill switches, freeze windows, budgets, sequence rules.

``check`` is called by ``policy.gate`` for every wish, and again when an approval is granted.
"""

from opsrail.guards.checking import GuardRequest, Objection, check
from opsrail.guards.repository import Standing, standing

__all__ = ["GuardRequest", "Objection", "Standing", "check", "standing"]
