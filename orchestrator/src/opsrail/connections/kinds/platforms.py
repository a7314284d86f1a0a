"""Where software runs, images are kept, and what pipelines need to know."""

from pydantic import Field

from opsrail.connections.kinds.base import EngineAddress, HttpAddress, Kind, KindSettings


class Kubernetes(KindSettings):
    server: HttpAddress = Field(description="Address of the API server")
    namespaces: list[str] = Field(default_factory=list, description="Namespaces that are looked at; empty for all")
    certificate_authority: str | None = Field(default=None, description="CA of the API server, PEM")
    verify_tls: bool = Field(default=True, description="Check the server's certificate")


class Docker(KindSettings):
    host: EngineAddress = Field(default="unix:///var/run/docker.sock", description="Address of the engine")


class Registry(KindSettings):
    url: HttpAddress = Field(description="Address of the registry")
    username: str | None = Field(default=None, description="User that pushes and pulls")
    insecure: bool = Field(default=False, description="Plain HTTP, for a registry on the same machine")


KINDS = (
    Kind("kubernetes", "Kubernetes cluster", Kubernetes, {"token": "Bearer token of a service account"}),
    Kind("docker", "Docker engine", Docker, {"ca": "CA, PEM", "certificate": "Client certificate", "key": "Its key"}),
    Kind("registry", "Container registry", Registry, {"password": "Password or token"}),
)
