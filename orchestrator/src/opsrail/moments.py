"""Times that callers give. Used in the API shapes and the query parameters of every package."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime

from opsrail_sdk.contracts.cloudevent import in_utc_calendar


def _to_come(moment: datetime) -> datetime:
    if moment <= datetime.now(UTC):
        raise ValueError("it lies in the past")
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(in_utc_calendar)]
Expiry = Annotated[Moment, AfterValidator(_to_come)]
"""When something made now shall end."""
