"""Environment variables of this process."""

import os

from opsrail.secrets.references import Reference
from opsrail.secrets.sources.base import SourceUnavailable


class EnvironmentSource:
    """``env:<NAME>``."""

    async def read(self, reference: Reference) -> str:
        value = os.environ.get(reference.path)
        if value is None:
            raise SourceUnavailable(f"the environment has no {reference.path}")
        return value
