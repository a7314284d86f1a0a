"""What operators fill in; the dashboard's form is made from it."""

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Server = Annotated[
    str, StringConstraints(pattern=r"^(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?$", max_length=260)
]
"""``host`` or ``host:port``; an IPv6 address in brackets."""


class CertsConfig(BaseModel):
    """Settings of the certificate agent."""

    model_config = ConfigDict(extra="forbid")

    servers: tuple[Server, ...] = Field(default=(), max_length=500, description="Watched servers, host or host:port")
    warn_days: tuple[int, ...] = Field(
        default=(30, 14, 7, 1), min_length=1, description="Days before the end at which it tells"
    )
    timeout: timedelta = Field(default=timedelta(seconds=5), description="Longest wait for a server")
