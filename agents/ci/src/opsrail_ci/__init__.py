"""Opsrail's CI agent."""

import opsrail_sdk  # noqa: F401 - before httpx, which it keeps lean
