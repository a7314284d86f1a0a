"""Settings of the orchestrator. Each comes from ``OPSRAIL_<GROUP>_<NAME>``; what is wrong stops the start."""

from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, HttpUrl, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from opsrail.audit.settings import AuditSettings
from opsrail.auth.settings import AuthSettings
from opsrail.hooks.settings import HookSettings
from opsrail.secrets.settings import SecretsSettings
from opsrail.tls import TlsSettings, database_url


class DatabaseSettings(BaseModel):
    """PostgreSQL, where everything that may not be lost ends up."""

    url: SecretStr = Field(description="Login of the application, postgresql+psycopg://…; never a superuser's")
    pool_size: int = Field(default=8, ge=1, description="Connections kept open per replica")
    pool_overflow: int = Field(default=8, ge=0, description="Further connections under load")
    connect_timeout: timedelta = Field(
        default=timedelta(seconds=5),
        ge=timedelta(seconds=2),
        description="Longest wait for a connection, a new one or one of the pool",
    )
    statement_timeout: timedelta = Field(
        default=timedelta(seconds=30), description="A statement that runs longer is cancelled"
    )


class RedisSettings(BaseModel):
    """Redis or Valkey: cache and rate limits. The product works without it, slower."""

    url: SecretStr = Field(description="redis://…")
    timeout: timedelta = Field(
        default=timedelta(milliseconds=250), description="Longest wait for an answer: a cache must not slow us down"
    )


class NatsSettings(BaseModel):
    """NATS with JetStream, the transport."""

    url: SecretStr = Field(description="nats://user:password@host:port of the orchestrator's login")
    replicas: int = Field(default=1, ge=1, le=5, description="Copies of each stream; 3 in a cluster")
    timeout: timedelta = Field(
        default=timedelta(seconds=5), gt=timedelta(0), description="Longest wait for one answer of JetStream"
    )
    credentials: Path | None = Field(default=None, description="The orchestrator's own NKEY seed or .creds file")
    signing_seed: SecretStr | None = Field(
        default=None, description="Seed (SA…) of an account that an outside NATS trusts: signs JWTs for agents"
    )
    account: str | None = Field(
        default=None, description="That account's public key (A…), where the seed is of one of its signing keys"
    )
    account_shared: bool = Field(
        default=False,
        description="Let further organisations into that one account; agents of one could then reach another's"
        " subjects by choosing where answers go",
    )
    credential_lifetime: timedelta = Field(
        default=timedelta(days=30), description="How long a JWT of an agent that runs elsewhere holds"
    )
    operator_seed: SecretStr | None = Field(
        default=None, description="Seed (SO…) of the outside NATS's operator, to revoke JWTs before they expire"
    )
    system_credentials: Path | None = Field(
        default=None, description=".creds file of its system account, by which revocations are announced"
    )


class ApiSettings(BaseModel):
    """The HTTP surface."""

    public_url: HttpUrl | None = Field(default=None, description="How people and webhooks reach us, for links")
    max_body: int = Field(default=1 << 20, description="Bytes of a request body; larger is answered 413")
    rate_per_minute: int = Field(default=6000, description="Requests per token and minute")
    cors_origins: list[str] = Field(default_factory=list, description="Origins besides our own that may call")


class ConnectionSettings(BaseModel):
    """Outside systems that operators connect."""

    allow_private: bool = Field(
        default=True,
        description="Whether addresses may be loopback or private, where a self-hosted Prometheus or forge lives;"
        " addresses of cloud metadata services are refused always",
    )


class ApprovalSettings(BaseModel):
    """Runs that wait for a person."""

    lifetime: timedelta = Field(
        default=timedelta(hours=24),
        gt=timedelta(0),
        description="How long a run waits for approval; then it is denied, so nobody approves what is long stale",
    )


class RetentionSettings(BaseModel):
    """How long things are kept."""

    events: timedelta = Field(default=timedelta(days=30), description="Events, by whole days")
    runs: timedelta = Field(default=timedelta(days=90), description="Finished runs with their logs")
    artifacts: timedelta = Field(default=timedelta(days=30), description="Artifacts that ask for nothing else")
    artifact_bytes: int = Field(
        default=5 << 30,
        ge=1 << 20,
        description="Bytes of artifacts per organisation; beyond, storing is refused, so the streams keep their disk",
    )


class LogSettings(BaseModel):
    """The process log."""

    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Lowest level shown")
    format: Literal["auto", "console", "json"] = Field(
        default="auto", description="console for people, json for machines; auto looks for a terminal"
    )


class Settings(BaseSettings):
    """Everything, by group."""

    model_config = SettingsConfigDict(
        env_prefix="OPSRAIL_", env_nested_delimiter="_", env_nested_max_split=1, extra="ignore"
    )

    data: Path = Field(default=Path(".opsrail"), description="Folder of keys and of the embedded servers")
    host: str = Field(default="127.0.0.1", description="Address that the API listens on")
    port: int = Field(default=8787, ge=0, le=65535, description="Port of the API; 0 takes a free one")
    workers: bool = Field(default=True, description="Whether this process also runs the background loops")
    install_agents: bool = Field(
        default=True, description="Whether agents whose packages are present are installed and enabled at first start"
    )

    database: DatabaseSettings
    redis: RedisSettings
    nats: NatsSettings
    api: ApiSettings = ApiSettings()
    auth: AuthSettings = AuthSettings()
    hooks: HookSettings = HookSettings()
    connections: ConnectionSettings = ConnectionSettings()
    approvals: ApprovalSettings = ApprovalSettings()
    retention: RetentionSettings = RetentionSettings()
    audit: AuditSettings = AuditSettings()
    secrets: SecretsSettings = SecretsSettings()
    log: LogSettings = LogSettings()
    tls: TlsSettings = TlsSettings()

    @model_validator(mode="after")
    def _database_over_tls(self) -> "Settings":
        self.database.url = SecretStr(database_url(self.database.url.get_secret_value(), self.tls))
        return self
