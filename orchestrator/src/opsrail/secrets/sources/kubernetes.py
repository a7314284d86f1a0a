"""Secrets of a Kubernetes cluster, by default the one that this process runs in.

https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/secret-v1/
"""

import base64
import binascii
import ssl
from pathlib import Path

import httpx

from opsrail.secrets.references import Reference
from opsrail.secrets.settings import SecretsSettings
from opsrail.secrets.sources.base import SourceUnavailable

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_IN_CLUSTER = "https://kubernetes.default.svc"


class KubernetesSource:
    """``kubernetes:<namespace>/<name>#<key>``."""

    def __init__(self, settings: SecretsSettings) -> None:
        self._url = str(settings.kubernetes_url or _IN_CLUSTER).rstrip("/")
        self._token = settings.kubernetes_token

    async def read(self, reference: Reference) -> str:
        namespace, _, name = reference.path.partition("/")
        if not name or "/" in name:
            raise SourceUnavailable("a Kubernetes secret is named as namespace/name")
        try:
            async with httpx.AsyncClient(verify=self._trust(), timeout=10) as client:
                answer = await client.get(
                    f"{self._url}/api/v1/namespaces/{namespace}/secrets/{name}",
                    headers={"Authorization": f"Bearer {self._bearer()}"},
                )
            answer.raise_for_status()
            held = (answer.json().get("data") or {}).get(reference.field)
            if held is None:
                raise SourceUnavailable(f"the Kubernetes secret has no key {reference.field}")
            return base64.b64decode(held, validate=True).decode()
        except (httpx.HTTPError, OSError, ValueError, binascii.Error) as error:
            raise SourceUnavailable(f"Kubernetes: {type(error).__name__}: {_told(error)}") from error

    def _bearer(self) -> str:
        """Read afresh: the kubelet renews a service account's token."""
        return self._token.get_secret_value() if self._token else (_ACCOUNT / "token").read_text().strip()

    def _trust(self) -> ssl.SSLContext | bool:
        authority = _ACCOUNT / "ca.crt"
        return ssl.create_default_context(cafile=str(authority)) if authority.is_file() else True


def _told(error: Exception) -> str:
    return f"status {error.response.status_code}" if isinstance(error, httpx.HTTPStatusError) else str(error)
