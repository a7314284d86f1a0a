"""Containers of a Docker host, by the Docker SDK. It blocks, so it runs in a thread."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opsrail_cd.adapters.base import Workload
from opsrail_cd.analysis.container_health import container_health
from opsrail_sdk.contracts.run import ConnectionSecret
from opsrail_sdk.errors import Refused, Unavailable

if TYPE_CHECKING:
    from docker import APIClient

_PATIENCE_SECONDS = 8
_PROJECT = "com.docker.compose.project"
_SERVICE = "com.docker.compose.service"


async def list_workloads(connection: ConnectionSecret | None, *, namespace: str | None) -> list[Workload]:
    """Every container, running or not.

    Raises:
        Unavailable: no engine answers there.
        Refused: it does not let us in, or the address is none.
    """
    return await asyncio.to_thread(_list, connection, namespace)


def _list(connection: ConnectionSecret | None, namespace: str | None) -> list[Workload]:
    from docker.errors import APIError, DockerException  # noqa: PLC0415
    from requests.exceptions import RequestException  # noqa: PLC0415

    filters = {"label": f"{_PROJECT}={namespace}"} if namespace else None
    try:
        with _client(connection) as client:
            found = client.containers(all=True, filters=filters)
            return [_workload(item) for item in (_inspected(client, entry["Id"]) for entry in found) if item]
    except APIError as error:
        if error.status_code in (401, 403):
            raise Refused("the engine does not let us list containers", code="credentials_rejected") from error
        raise Unavailable(f"the engine answered with status {error.status_code}") from error
    except (DockerException, RequestException) as error:
        raise Unavailable("no Docker engine answers there") from error


@contextmanager
def _client(connection: ConnectionSecret | None) -> "Iterator[APIClient]":
    from docker import APIClient  # noqa: PLC0415
    from docker.tls import TLSConfig  # noqa: PLC0415
    from docker.utils import kwargs_from_env  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="opsrail-cd-") as folder:
        options: dict[str, Any] = dict(kwargs_from_env()) if connection is None else {}
        if connection is not None:
            options["base_url"] = str(connection.settings.get("host") or "unix:///var/run/docker.sock")
            files = {name: _file(folder, name, value) for name, value in connection.secrets.items()}
            if files:
                pair = (files["certificate"], files["key"]) if {"certificate", "key"} <= files.keys() else None
                options["tls"] = TLSConfig(client_cert=pair, ca_cert=files.get("ca"), verify=True)
        client = APIClient(version="auto", timeout=_PATIENCE_SECONDS, **options)
        try:
            yield client
        finally:
            client.close()


def _file(folder: str, name: str, content: str) -> str:
    path = Path(folder) / name
    path.touch(mode=0o600)
    path.write_text(content)
    return str(path)


def _inspected(client: "APIClient", ident: str) -> dict[str, Any] | None:
    """Details of a container; ``None`` where it went away meanwhile."""
    from docker.errors import NotFound  # noqa: PLC0415

    try:
        details: dict[str, Any] = client.inspect_container(ident)
    except NotFound:
        return None
    return details


def _workload(details: dict[str, Any]) -> Workload:
    state = details.get("State") or {}
    labels = (details.get("Config") or {}).get("Labels") or {}
    health, reason = container_health(state, details.get("RestartCount", 0))
    created = str(details.get("Created") or "")
    return Workload(
        name=str(details.get("Name", "")).lstrip("/") or labels.get(_SERVICE, ""),
        kind="Container",
        namespace=labels.get(_PROJECT),
        images=[str((details.get("Config") or {}).get("Image", ""))],
        ready=int(health == "healthy"),
        desired=1,
        health=health,
        reason=reason,
        # The engine writes nanoseconds, Python reads microseconds.
        created_at=datetime.fromisoformat(created[:19]).replace(tzinfo=UTC) if len(created) >= 19 else None,
    )
