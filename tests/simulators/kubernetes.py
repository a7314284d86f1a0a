"""A Kubernetes API server's read side: lists of apps/v1 with pages, a bearer token, ``Status`` errors.

https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
"""

from typing import Any

from tests.simulators.platform import PlatformSimulator

_PLURALS = {"deployments": "Deployment", "statefulsets": "StatefulSet", "daemonsets": "DaemonSet"}


class KubernetesSimulator(PlatformSimulator):
    """``objects`` are whole API objects with ``kind`` and ``metadata.namespace``; pages hold ``page`` at most."""

    def __init__(self, token: str = "cluster-token", page: int = 500) -> None:
        super().__init__()
        self.token = token
        self.page = page
        self.objects: list[dict[str, Any]] = []

    def respond(self, path: str, headers: Any, arguments: dict[str, str]) -> tuple[int, Any]:
        if headers.get("Authorization") != f"Bearer {self.token}":
            return 401, _status(401, "Unauthorized")
        parts = path.strip("/").split("/")
        kind = _PLURALS.get(parts[-1])
        if parts[:3] != ["apis", "apps", "v1"] or kind is None:
            return 404, _status(404, "the server could not find the requested resource")
        namespace = parts[4] if len(parts) == 6 and parts[3] == "namespaces" else None
        found = [
            item
            for item in self.objects
            if item["kind"] == kind and namespace in (None, item["metadata"]["namespace"])
        ]
        start = int(arguments.get("continue") or 0)
        end = start + min(self.page, int(arguments.get("limit") or self.page))
        metadata = {"resourceVersion": "1", **({"continue": str(end)} if end < len(found) else {})}
        return 200, {"kind": f"{kind}List", "apiVersion": "apps/v1", "metadata": metadata, "items": found[start:end]}


def _status(code: int, message: str) -> dict[str, Any]:
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code}
