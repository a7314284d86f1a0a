"""Senders of alerts and of events in general, and where metrics are read."""

from pydantic import Field

from opsrail.connections.kinds.base import HttpAddress, Kind, KindSettings, NoSettings


class Alertmanager(KindSettings):
    url: HttpAddress | None = Field(default=None, description="Alertmanager itself, where silences are read or made")


class Grafana(KindSettings):
    url: HttpAddress | None = Field(default=None, description="Grafana itself, where dashboards and data are read")


class Datadog(KindSettings):
    api_url: HttpAddress = Field(default="https://api.datadoghq.com", description="API of your Datadog site")
    mapping: dict[str, str] = Field(
        default_factory=dict,
        description="Field of ours to field of the body that you typed into the Webhooks integration",
    )


class Prometheus(KindSettings):
    url: HttpAddress = Field(description="Base address of the HTTP API, without /api/v1")
    username: str | None = Field(default=None, description="User for basic authentication")
    verify_tls: bool = Field(default=True, description="Check the server's certificate")


KINDS = (
    Kind("alertmanager", "Alertmanager", Alertmanager, {"token": "Bearer token of its API"}, hooks=True),
    Kind("grafana", "Grafana", Grafana, {"token": "Service account token"}, hooks=True),
    Kind("datadog", "Datadog", Datadog, {"api_key": "API key", "application_key": "Application key"}, hooks=True),
    Kind("cloudwatch", "CloudWatch and EventBridge", NoSettings, {}, hooks=True),
    Kind("cloudevents", "Any CloudEvents sender", NoSettings, {}, hooks=True),
    Kind("prometheus", "Prometheus", Prometheus, {"password": "Basic password", "token": "Bearer token"}),
)
