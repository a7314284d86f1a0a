"""Workloads of a cluster, by the Kubernetes API."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opsrail_cd.adapters.base import Workload
from opsrail_cd.analysis.rollout_health import rollout
from opsrail_sdk.contracts.run import ConnectionSecret
from opsrail_sdk.errors import AgentError, NotFound, RateLimited, Refused, Unavailable

if TYPE_CHECKING:
    from kubernetes_asyncio.client import ApiClient

_PAGE = 500
_PATIENCE_SECONDS = 10
_KINDS = {"Deployment": "deployment", "StatefulSet": "stateful_set", "DaemonSet": "daemon_set"}


async def list_workloads(connection: ConnectionSecret, *, namespace: str | None) -> list[Workload]:
    """Deployments, stateful sets and daemon sets of the namespaces that the connection names, or of all.

    Raises:
        Unavailable: the API server cannot be reached or fails.
        Refused: it does not let us list.
    """
    allowed = [str(name) for name in connection.settings.get("namespaces") or []]
    if namespace and allowed and namespace not in allowed:
        raise Refused(f"the connection {connection.name} leaves out the namespace {namespace}")
    namespaces: list[str | None] = [namespace] if namespace else [*allowed] or [None]
    async with _client(connection) as client:
        listed = await asyncio.gather(*(_list(client, kind, place) for kind in _KINDS for place in namespaces))
    return [workload for group in listed for workload in group]


async def _list(client: "ApiClient", kind: str, namespace: str | None) -> list[Workload]:
    from kubernetes_asyncio.client import AppsV1Api  # noqa: PLC0415

    api = AppsV1Api(client)
    call: Callable[..., Any]
    if namespace:
        call, arguments = getattr(api, f"list_namespaced_{_KINDS[kind]}"), {"namespace": namespace}
    else:
        call, arguments = getattr(api, f"list_{_KINDS[kind]}_for_all_namespaces"), {}
    found: list[Workload] = []
    following: str | None = None
    while True:
        page = await _page(call, **arguments, **({"_continue": following} if following else {}))
        found += [_workload(kind, item) for item in page.get("items") or []]
        following = (page.get("metadata") or {}).get("continue")
        if not following:
            return found


async def _page(call: Callable[..., Any], **arguments: Any) -> dict[str, Any]:
    from aiohttp import ClientError  # noqa: PLC0415
    from kubernetes_asyncio.client.exceptions import ApiException  # noqa: PLC0415

    try:
        response = await call(**arguments, limit=_PAGE, _preload_content=False, _request_timeout=_PATIENCE_SECONDS)
        body = await response.read()
        if response.status >= 400:
            raise _told(response.status, body.decode(errors="replace"))
        parsed: dict[str, Any] = json.loads(body)
    except ApiException as error:
        raise _told(error.status, str(error.body or "")) from error
    except (ClientError, TimeoutError, OSError) as error:
        raise Unavailable("the API server cannot be reached") from error
    except ValueError as error:
        raise Unavailable("the API server answered with something that is not JSON") from error
    return parsed


def _told(status: int, body: str) -> AgentError:
    try:
        message = str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        message = f"status {status}"
    match status:
        case 401 | 403:
            return Refused(f"the cluster does not let us list workloads: {message}", code="credentials_rejected")
        case 404:
            return NotFound(f"the cluster does not know that: {message}")
        case 429:
            return RateLimited(f"the cluster asks us to slow down: {message}")
        case _:
            return Unavailable(f"the cluster failed: {message}")


@asynccontextmanager
async def _client(connection: ConnectionSecret) -> "AsyncIterator[ApiClient]":
    from kubernetes_asyncio.client import ApiClient, Configuration  # noqa: PLC0415

    with tempfile.NamedTemporaryFile("w", prefix="opsrail-cd-", suffix=".pem") as authority:
        configuration = Configuration(host=str(connection.settings["server"]))
        configuration.verify_ssl = bool(connection.settings.get("verify_tls", True))
        if connection.settings.get("certificate_authority"):
            await asyncio.to_thread(Path(authority.name).write_text, connection.settings["certificate_authority"])
            configuration.ssl_ca_cert = authority.name
        if connection.secrets.get("token"):
            configuration.api_key = {"BearerToken": connection.secrets["token"]}
            configuration.api_key_prefix = {"BearerToken": "Bearer"}
        async with ApiClient(configuration) as client:
            yield client


def _workload(kind: str, item: dict[str, Any]) -> Workload:
    metadata = item.get("metadata") or {}
    pod = ((item.get("spec") or {}).get("template") or {}).get("spec") or {}
    found = rollout(kind, item)
    return Workload(
        name=metadata.get("name", ""),
        kind=kind,
        namespace=metadata.get("namespace"),
        images=[container.get("image", "") for container in pod.get("containers") or []],
        ready=found.ready,
        desired=found.desired,
        health=found.health,
        reason=found.reason,
        created_at=metadata.get("creationTimestamp"),
    )
