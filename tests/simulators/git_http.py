"""Git over HTTP, as tests of agents use it."""

from opsrail_sdk.testing.git_http import GitServer, Repository

__all__ = ["GitServer", "Repository"]
