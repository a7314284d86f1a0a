"""Settings of people, machines and limits; nested in the process settings as ``auth``."""

from datetime import timedelta

from pydantic import BaseModel, Field, IPvAnyNetwork


class AuthSettings(BaseModel):
    """Who may come in, for how long, how often."""

    session_idle: timedelta = Field(
        default=timedelta(hours=12), description="A browser session that was not used for this long is over"
    )
    session_lifetime: timedelta = Field(
        default=timedelta(days=7), description="A browser session ends after this, however busy"
    )
    invitation_lifetime: timedelta = Field(
        default=timedelta(days=7), description="An invitation not taken up for this long is void"
    )
    password_memory: int = Field(
        default=19_456, ge=8, description="KiB per password hash (Argon2id); 19 MiB with 2 passes is OWASP's advice"
    )
    password_passes: int = Field(default=2, ge=1, description="Passes over that memory")
    requests_per_address: int = Field(
        default=30_000, ge=1, description="Requests a minute from one address; many callers can stand behind one"
    )
    requests_per_organisation: int = Field(
        default=60_000, ge=1, description="Requests a minute of one organisation, all its callers together"
    )
    machine_region: str | None = Field(
        default=None, description="Region that machine identities must sign for; any where left out"
    )
    trusted_proxies: list[IPvAnyNetwork] = Field(
        default_factory=list,
        description="Networks of proxies in front of us whose X-Forwarded-For and X-Forwarded-Proto are believed",
    )
