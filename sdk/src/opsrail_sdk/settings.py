"""Settings that every agent process has, from ``OPSRAIL_*`` variables. What is wrong stops the start."""

import os
import socket
import tempfile
from datetime import timedelta
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from opsrail_sdk.telemetry import LogFormat, LogLevel


def _instance() -> str:
    host = "".join(char if char.isalnum() else "-" for char in socket.gethostname())[:40] or "host"
    return f"{host}-{os.getpid()}"


class AgentSettings(BaseSettings):
    """One agent process."""

    model_config = SettingsConfigDict(env_prefix="OPSRAIL_", extra="ignore", hide_input_in_errors=True)

    nats_url: SecretStr = Field(description="nats:// or tls://login:password@host:port; several separated by commas")
    nats_credentials: Path | None = Field(
        default=None,
        description="File with our NKEY seed, or a NATS .creds file; unset: the login is in the URL",
    )
    tls_ca: Path | None = Field(
        default=None, description="Certificates that verify a NATS at tls://, PEM; else the system's"
    )
    tls_cert: Path | None = Field(default=None, description="Certificate that is shown to NATS, PEM")
    tls_key: Path | None = Field(default=None, description="Key of that certificate, PEM")
    org: str = Field(pattern=r"^[A-Za-z0-9_-]+$", description="Organisation that this process works for, its UUID")
    agent_instance: str = Field(
        default_factory=_instance,
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
        description="Name of this process among its siblings; given by what started it",
    )
    concurrency: int = Field(default=4, ge=1, le=256, description="Actions that run at the same time")
    query_concurrency: int = Field(default=32, ge=1, le=1024, description="Queries answered at the same time")
    heartbeat: timedelta = Field(
        default=timedelta(seconds=2), description="Time between signs of life; five missed ones mean gone"
    )
    lease: timedelta = Field(
        default=timedelta(seconds=4),
        description="Time between in-progress acks; a holder silent for 15 s loses its work to a sibling",
    )
    grace: timedelta = Field(
        default=timedelta(seconds=20),
        description="How long running work may go on after SIGTERM before it is handed over",
    )
    cancel_grace: timedelta = Field(
        default=timedelta(seconds=10), description="How long a handler may clean up after it was cancelled"
    )
    retry_base: timedelta = Field(default=timedelta(seconds=1), description="First pause before another attempt")
    retry_limit: timedelta = Field(default=timedelta(minutes=5), description="Longest pause before another attempt")
    event_attempts: int = Field(
        default=8, ge=1, description="Deliveries of an event before a listener gives up on it"
    )
    workdir: Path = Field(
        default_factory=lambda: Path(tempfile.gettempdir()) / "opsrail",
        description="Where runs get their empty folders",
    )
    log_level: LogLevel = Field(default="info", description="Lowest level shown")
    log_format: LogFormat = Field(default="auto", description="console for people, json for machines")
    otlp_endpoint: str | None = Field(default=None, description="OTLP/HTTP collector; unset exports no spans")
